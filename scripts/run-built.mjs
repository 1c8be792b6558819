// Installs what is missing, builds, and runs one built program: `node scripts/run-built.mjs FILE [ARGUMENTS]`,
// where FILE is below dist/. What `npm run sim`, `npm run bench` and their like are made of.
import { prepare, run } from "./prepare.mjs";

const [file, ...args] = process.argv.slice(2);
await prepare();
process.exitCode = await run(process.execPath, ["--enable-source-maps", `dist/${file}`, ...args]);
