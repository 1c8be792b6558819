// `npm start`: installs what is missing, builds, and runs a three-node cluster in this terminal.
import { prepare, run } from "./prepare.mjs";

await prepare();
process.exitCode = await run(process.execPath, ["bin/synod.mjs", "demo", ...process.argv.slice(2)]);
