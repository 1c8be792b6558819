// `npm run bench`: installs what is missing, builds, and runs the benchmarks. Arguments go to them.
import { prepare, run } from "./prepare.mjs";

await prepare();
process.exitCode = await run(process.execPath, ["dist/bench/run.js", ...process.argv.slice(2)]);
