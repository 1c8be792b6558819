/**
 * `npm run checkers [HISTORIES]`: compares the checkers with the definition on that many random small
 * histories of each kind (100,000 unless told), and measures them on a million operations.
 */
import { parseArgs } from "node:util";
import { SeededRandom } from "../../../src/base/random.ts";
import { runCommand, UsageError, wholeNumber } from "../../support/command-line.ts";
import type { History, Verdict } from "../history.ts";
import { checkLinearizability } from "../linearizability.ts";
import { checkListAppend } from "../list-append/check.ts";
import { registerModel } from "../models/register.ts";
import { COMPARED, compare } from "./compare.ts";
import { type LargeHistory, largeListHistory, largeRegisterHistory } from "./large-histories.ts";

const HELP = `npm run checkers [-- HISTORIES]
  compares the checkers with the definition on that many random histories of each kind (100000),
  then measures them on a million operations`;
const HISTORIES = 100_000;
const MILLION = 1_000_000;
const SECONDS_MAX = 60;
/** By the clock on the wall, which may run much faster. */
const LIMIT_MS = 600_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Answers whether all agreed. */
function compareAll(histories: number): boolean {
  let agreed = true;
  for (const what of COMPARED) {
    const { valid, disagreements } = compare(what, 1, histories);
    say(
      `${what}: ${histories} random histories, ${valid} of them valid, ` +
        `${disagreements.length} disagreements with a search through every order`,
    );
    for (const disagreement of disagreements.slice(0, 3)) say(disagreement);
    agreed &&= disagreements.length === 0;
  }
  return agreed;
}

/** Answers whether it was valid in time. */
function measure<Input, Output>(
  what: string,
  history: History<Input, Output>,
  check: (history: History<Input, Output>) => Verdict,
): boolean {
  const before = process.cpuUsage();
  const start = performance.now();
  const verdict = check(history);
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  // On a busy machine only the time of the processor says something about the checker.
  const seconds = (user + system) / 1_000_000;
  say(
    `${what}: ${verdict.kind} in ${seconds.toFixed(1)} s of processor time (${wall.toFixed(1)} s)`,
  );
  if (verdict.kind === "undecided") say(verdict.reason);
  if (verdict.kind === "invalid") say(verdict.explanation);
  return verdict.kind === "valid" && seconds < SECONDS_MAX;
}

function measureAll(): boolean {
  const sizes: readonly LargeHistory[] = [
    { operations: MILLION, keys: 1000, processes: 20, unknownEvery: 1000 },
    { operations: MILLION, keys: 100, processes: 10, unknownEvery: 1000 },
    { operations: MILLION, keys: 1000, processes: 50, unknownEvery: 50 },
    { operations: MILLION, keys: 1, processes: 10, unknownEvery: MILLION },
  ];
  const registers = sizes.map((size) =>
    measure(
      `register: ${sizeText(size)}`,
      largeRegisterHistory(new SeededRandom(1), size),
      (history) => checkLinearizability(history, registerModel, { timeLimitMs: LIMIT_MS }),
    ),
  );
  const size: LargeHistory = { operations: MILLION, keys: 10, processes: 20, unknownEvery: 1000 };
  const transactions = measure(
    `list-append: ${sizeText(size)}, 64 appends each`,
    largeListHistory(new SeededRandom(1), size),
    (history) => checkListAppend(history),
  );
  return transactions && registers.every((inTime) => inTime);
}

function sizeText({ operations, keys, processes, unknownEvery }: LargeHistory): string {
  return `${operations} operations, ${processes} processes, 1 in ${unknownEvery} unknown, ${keys} keys`;
}

async function main(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [text = String(HISTORIES), more] = positionals;
  if (more !== undefined) throw new UsageError(`what is "${more}"?`);
  const agreed = compareAll(wholeNumber("HISTORIES", text, 1));
  const inTime = measureAll();
  return agreed && inTime ? 0 : 1;
}

await runCommand(HELP, main);
