/**
 * `npm run mutants`: plants every mutant and hunts it (mutant.ts). Ends with 1 if one survives its
 * budget, or if the sound build does not.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SeededRandom, systemRandom } from "../../src/base/random.ts";
import { runCommand, UsageError, wholeNumber } from "../support/command-line.ts";
import { MUTANTS, NOT_APPLICABLE } from "./catalogue.ts";
import { kill, pass } from "./kill.ts";
import type { Mutant, WorldName } from "./mutant.ts";
import { PlantedBuild } from "./planted-build.ts";
import { PROJECT } from "./project.ts";
import {
  medianSeeds,
  missingRow,
  mostSeeds,
  noticedBy,
  type Outcome,
  type Row,
  rowOf,
  rowsIn,
  survived,
  tableOf,
} from "./table.ts";

const PAGE = join(PROJECT, "docs/mutants.md");
const BEGIN = "<!-- npm run mutants -- --write: begin -->";
const END = "<!-- npm run mutants -- --write: end -->";
/** How many seeds of each world the sound build must pass first: it must not be the world that kills. */
const SOUND_SEEDS = 20;

const HELP = `npm run mutants [-- m5 m6 ... options]
  --starts N    from how many random seeds each is hunted (5)
  --base SEED   the starts of an earlier run again
  --jobs N      how many at once (2)
  --write       into the table of docs/mutants.md`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Where each start begins: the same for all mutants, drawn from `base`. */
function firstSeeds(base: number, starts: number): number[] {
  const random = new SeededRandom(base);
  return Array.from({ length: starts }, () => random.below(2 ** 31));
}

async function checkSoundBuild(
  sound: PlantedBuild,
  worlds: ReadonlySet<WorldName>,
  first: number,
): Promise<void> {
  for (const world of worlds) {
    await pass(sound, world, first, SOUND_SEEDS);
    say(`sound    ${world}: ${SOUND_SEEDS} seeds from ${first} on are clean`);
  }
}

/** Runs all starts of a mutant. */
async function outcomeOf(
  mutant: Mutant,
  starts: readonly number[],
  sound: PlantedBuild,
  writes: boolean,
): Promise<Outcome> {
  const outcome = { mutant, verdicts: await kill(mutant, starts, sound) };
  const seeds = `median ${medianSeeds(outcome)}, most ${mostSeeds(outcome)} of ${mutant.seedsMax}`;
  say(
    `${survived(outcome) ? "SURVIVED" : "killed  "} ${mutant.id.padEnd(5)} ${mutant.what}: ${noticedBy(outcome)}; seeds: ${seeds}`,
  );
  if (writes) writeToPage([rowOf(outcome)]);
  return outcome;
}

async function inParallel<Item, Result>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [at, item] of queue) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return results;
}

/** Puts rows into the page's table: in the place of older ones, beside those of other mutants. */
function writeToPage(rows: readonly Row[]): void {
  const page = readFileSync(PAGE, "utf8");
  const [before, rest] = page.split(BEGIN);
  const [table, after] = rest?.split(END) ?? [];
  if (before === undefined || table === undefined || after === undefined) {
    throw new Error(`${PAGE} lacks its markers`);
  }
  const known = new Set([...MUTANTS, ...NOT_APPLICABLE].map(({ id }) => id));
  const merged = new Map([...rowsIn(table), ...rows].map((row) => [row[0] ?? "", row]));
  const text = tableOf([...merged.values()].filter(([id = ""]) => known.has(id)));
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
}

function chosenOf(ids: readonly string[]): readonly Mutant[] {
  if (ids.length === 0) return MUTANTS;
  const unknown = ids.filter((wanted) => !MUTANTS.some(({ id }) => id === wanted));
  if (unknown.length > 0) throw new UsageError(`there is no mutant ${unknown.join(", ")}`);
  return MUTANTS.filter(({ id }) => ids.includes(id));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      starts: { type: "string", default: "5" },
      base: { type: "string", default: String(systemRandom.u32()) },
      jobs: { type: "string", default: "2" },
      write: { type: "boolean", default: false },
    },
  });
  const chosen = chosenOf(positionals);
  const base = wholeNumber("--base", values.base);
  const jobs = wholeNumber("--jobs", values.jobs, 1);
  const starts = firstSeeds(base, wholeNumber("--starts", values.starts, 1));
  say(
    `${chosen.length} mutants, ${starts.length} starts each: ${starts.join(", ")} (--base ${base})`,
  );
  const sound = PlantedBuild.create([]);
  await checkSoundBuild(sound, new Set(chosen.map(({ world }) => world)), starts[0] ?? 1);
  const outcomes = await inParallel(chosen, jobs, (mutant) =>
    outcomeOf(mutant, starts, sound, values.write),
  );
  const missing = positionals.length === 0 ? NOT_APPLICABLE : [];
  const rows = [...outcomes.map(rowOf), ...missing.map(missingRow)];
  const survivors = outcomes.filter(survived).length;
  say(`\n${tableOf(rows)}\n\n${outcomes.length - survivors} of ${outcomes.length} mutants killed`);
  if (values.write) writeToPage(rows);
  return survivors === 0 ? 0 : 1;
}

// What is copied is removed on the way out; the hunting processes end when nobody reads them.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await runCommand(HELP, main);
