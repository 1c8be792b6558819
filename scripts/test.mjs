// `npm test`: installs what is missing, builds, and runs all tests. Arguments go to the test runner.
import { prepare, run } from "./prepare.mjs";

await prepare();
const vitest = "node_modules/vitest/vitest.mjs";
process.exitCode = await run(process.execPath, [vitest, "run", ...process.argv.slice(2)]);
