#!/usr/bin/env node
// The command `synod`: runs the built program, or says how to build it.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/src/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write(
    "synod: not built yet; run `npm ci && npm run build` in its directory first\n",
  );
  process.exitCode = 1;
}
