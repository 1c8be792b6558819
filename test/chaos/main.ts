/** `npm run chaos`: real processes under faults. See docs/chaos.md. */
import { latency } from "./latency.ts";
import { leaderKills } from "./leader-kills.ts";
import { type ChaosOptions, parseOptions, USAGE } from "./options.ts";
import { isClean, stormReport } from "./report.ts";
import { storm } from "./storm.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "number") return options;
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  if (options.mode === "leader-kills") return leaderKills(options, say);
  if (options.mode === "latency") return latency(options, say);
  const result = await storm(options, say);
  say(stormReport(result));
  if (!isClean(result)) say(`again: npm run chaos -- ${repeating(args, options)}`);
  return isClean(result) ? 0 : 1;
}

/** The arguments that draw the same again, and keep what is needed to look into it. */
function repeating(args: readonly string[], { seed }: ChaosOptions): string {
  const seeded = args.includes("--seed") ? args : [...args, "--seed", String(seed)];
  return (seeded.includes("--keep") ? seeded : [...seeded, "--keep"]).join(" ");
}

function readOptions(args: readonly string[]) {
  try {
    const options = parseOptions(args);
    if (options !== null) return options;
    process.stdout.write(`${USAGE}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
}
