/** `npm run sim`: runs seeds of the simulated worlds, repeats one, reduces one. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { systemRandom } from "../../src/base/random.ts";
import { runCommand, UsageError, wholeNumber } from "../support/command-line.ts";
import { describeFailure, differing, failureOf } from "./failure.ts";
import { runPool } from "./pool.ts";
import { missing, Progress, summary } from "./progress.ts";
import { shrink } from "./shrink.ts";
import { WORLD_NAMES, WORLDS, type WorldName, worldOfSeed } from "./worlds.ts";

const HELP = `npm run sim -- [options]
  --seeds N        how many seeds (default 1000)
  --seconds N      instead: as many as fit into the time
  --from S         the first of them (default: random)
  --jobs N         processes (default: one a core)
  --world NAME     core, nodes, sqlite (default: a mix, by the seed's number)
  --twice          runs each seed twice and compares the traces
  --keep-going     does not stop at the first seed that fails
  --without A,B    leaves out these classes of faults
  --seed S         one seed, with its last events if it fails
    --trace        prints every event of it
    --skip 1,2     leaves out faults by their number
    --shrink       takes faults out as long as it fails in the same way
  --met            prints in how many runs each fault struck and each rare branch was taken`;

const OPTIONS = {
  seeds: { type: "string", default: "1000" },
  seconds: { type: "string" },
  from: { type: "string" },
  jobs: { type: "string" },
  world: { type: "string" },
  twice: { type: "boolean", default: false },
  "keep-going": { type: "boolean", default: false },
  without: { type: "string", default: "" },
  seed: { type: "string" },
  trace: { type: "boolean", default: false },
  skip: { type: "string", default: "" },
  shrink: { type: "boolean", default: false },
  met: { type: "boolean", default: false },
} as const;

type Options = ReturnType<typeof parse>;

function parse() {
  return parseArgs({ options: OPTIONS, strict: true }).values;
}

async function main(): Promise<number> {
  const options = parse();
  return options.seed === undefined
    ? runMany(options)
    : runOne(options, wholeNumber("--seed", options.seed));
}

async function runMany(options: Options): Promise<number> {
  const isTimed = options.seconds !== undefined;
  const seconds = isTimed ? wholeNumber("--seconds", options.seconds ?? "", 1) : 0;
  const seeds = isTimed ? Number.POSITIVE_INFINITY : wholeNumber("--seeds", options.seeds, 1);
  const first =
    options.from === undefined ? systemRandom.below(2 ** 31) : wholeNumber("--from", options.from);
  const jobs =
    options.jobs === undefined ? availableParallelism() : wholeNumber("--jobs", options.jobs, 1);
  const progress = new Progress(process.stdout, (done, passed) =>
    isTimed ? passed / seconds : done / seeds,
  );
  const world = worldNamed(options.world);
  process.stdout.write(`seeds from ${first} on, ${jobs} processes\n`);
  const { tally, failures } = await runPool({
    jobs,
    first,
    seeds,
    order: {
      world,
      twice: options.twice,
      without: listOf(options.without),
    },
    keepsGoing: options["keep-going"],
    mayGoOn: () => !isTimed || progress.seconds < seconds,
    onProgress: (done) => progress.show(done),
  });
  progress.end();
  process.stdout.write(`${summary(tally, progress.seconds)}\n`);
  if (options.met) {
    for (const name of WORLD_NAMES) {
      for (const [what, runs] of [...tally[name].met].toSorted(([left], [right]) =>
        left < right ? -1 : 1,
      )) {
        process.stdout.write(`  ${name.padEnd(7)} ${what}: ${runs} of ${tally[name].seeds} runs\n`);
      }
    }
  }
  for (const failure of failures) process.stdout.write(`\n${describeFailure(failure)}\n`);
  const rare = failures.length > 0 || options.without !== "" ? [] : missing(tally);
  for (const line of rare) process.stdout.write(`too rare to count as tested: ${line}\n`);
  return failures.length + rare.length > 0 ? 1 : 0;
}

async function runOne(options: Options, seed: number): Promise<number> {
  const world = worldNamed(options.world) ?? worldOfSeed(seed);
  const onEvent = (line: string): void => {
    if (options.trace) process.stdout.write(`${line}\n`);
  };
  const skip = new Set(listOf(options.skip).map((text) => wholeNumber("--skip", text)));
  const without = new Set(listOf(options.without));
  const { simulate } = WORLDS[world];
  const result = await simulate(seed, { without, skip, ...(options.trace ? { onEvent } : {}) });
  const again = options.twice ? await simulate(seed, { without, skip }) : result;
  const failure =
    failureOf(world, result) ??
    (again.traceHash === result.traceHash ? null : differing(world, result, again));
  if (failure === null) {
    const { events, faults, traceHash } = result;
    process.stdout.write(
      `seed ${seed} of world "${world}": no violation (${events} events, ${faults} faults, trace ${traceHash})\n`,
    );
    return 0;
  }
  if (!options.shrink) {
    process.stdout.write(`${describeFailure(failure)}\n`);
    return 1;
  }
  const leftOut = { without, skip };
  const shrunk = await shrink(failure, leftOut, [...result.counts.keys()], (text) => {
    if (process.stdout.isTTY) process.stdout.write(`\r${text}\u001b[K`);
  });
  const flags = [
    shrunk.without.length > 0 ? ` --without "${shrunk.without.join(",")}"` : "",
    shrunk.skip.length > 0 ? ` --skip ${shrunk.skip.join(",")}` : "",
  ];
  const left = shrunk.failure.faults - shrunk.skip.length;
  process.stdout.write(`\n${describeFailure(shrunk.failure, flags.join(""))}\n`);
  process.stdout.write(
    `${Math.max(0, left)} of ${failure.faults} faults are left after ${shrunk.runs} runs\n`,
  );
  return 1;
}

function worldNamed(name: string | undefined): WorldName | null {
  if (name === undefined || name === "mix") return null;
  const found = WORLD_NAMES.find((known) => known === name);
  if (found === undefined)
    throw new UsageError(`there is no world "${name}"; there are ${WORLD_NAMES.join(", ")}`);
  return found;
}

function listOf(text: string): readonly string[] {
  return text.split(",").filter((part) => part !== "");
}

await runCommand(HELP, main);
