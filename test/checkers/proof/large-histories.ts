/** Large valid histories, to measure the checkers with. */
import type { Random } from "../../../src/base/random.ts";
import type { Operation, OperationOutcome } from "../history.ts";
import type { Step, TransactionInput, TransactionOutput } from "../list-append/transaction.ts";
import type { RegisterInput, RegisterOutput, RegisterValue } from "../models/register.ts";

export interface LargeHistory {
  readonly operations: number;
  readonly keys: number;
  /** Clients that are busy at once. */
  readonly processes: number;
  /** One in so many has an unknown outcome. */
  readonly unknownEvery: number;
}

interface Moment {
  readonly process: number;
  readonly invokedAt: number;
  readonly moment: number;
  readonly completedAt: number;
  readonly outcome: OperationOutcome;
  readonly effective: boolean;
}

/** In the order of the moments at which they take effect. */
function* moments(
  random: Random,
  { operations, processes, unknownEvery }: LargeHistory,
): Generator<Moment> {
  const numbers = Array.from({ length: processes }, (_, at) => at);
  const freeAt = new Float64Array(processes);
  let next = processes;
  for (let at = 0; at < operations; at += 1) {
    const moment = (at + 1) * 10;
    const client = at % processes;
    const invokedAt = Math.max(freeAt[client] ?? 0, moment - random.below(10 * processes));
    const unknown = random.below(unknownEvery) === 0;
    const completedAt = moment + random.below(5 * processes);
    const process = numbers[client] ?? 0;
    freeAt[client] = Math.min(completedAt, moment + 10 * processes - 1) + 0.5;
    if (unknown) {
      numbers[client] = next;
      next += 1;
    }
    yield {
      process,
      invokedAt,
      moment,
      completedAt: unknown ? Infinity : Math.min(completedAt, moment + 10 * processes - 1),
      outcome: unknown ? "unknown" : "ok",
      effective: !unknown || random.below(2) === 0,
    };
  }
}

export function largeRegisterHistory(
  random: Random,
  size: LargeHistory,
): Operation<RegisterInput, RegisterOutput>[] {
  const state = new Map<string, RegisterValue>();
  const history: Operation<RegisterInput, RegisterOutput>[] = [];
  for (const { process, invokedAt, completedAt, outcome, effective } of moments(random, size)) {
    const key = `k${random.below(size.keys)}`;
    const before = state.get(key) ?? null;
    const value = random.below(1_000_000);
    let input: RegisterInput = { kind: "read", key };
    let output: RegisterOutput = { kind: "read", value: before };
    let after = before;
    const dice = random.below(10);
    if (dice < 3) {
      input = { kind: "write", key, value };
      output = { kind: "written" };
      after = value;
    } else if (dice < 5) {
      const expected = random.below(2) === 0 ? before : random.below(1_000_000);
      input = { kind: "cas", key, expected, value };
      output = { kind: "cas", swapped: expected === before };
      if (expected === before) after = value;
    }
    if (effective) state.set(key, after);
    const answer = outcome === "ok" ? output : null;
    history.push({ process, node: "n1", input, output: answer, outcome, invokedAt, completedAt });
  }
  return history;
}

/** Keys are given up for fresh ones after so many appends, as lists would grow without end. */
const APPENDS_PER_KEY_MAX = 64;

export function largeListHistory(
  random: Random,
  size: LargeHistory,
): Operation<TransactionInput, TransactionOutput>[] {
  const hot = Array.from({ length: size.keys }, (_, at) => ({
    key: `k${at}`,
    list: [] as number[],
  }));
  let keys = size.keys;
  let value = 0;
  const history: Operation<TransactionInput, TransactionOutput>[] = [];
  for (const { process, invokedAt, completedAt, outcome, effective } of moments(random, size)) {
    const input: Step[] = [];
    const output: (readonly number[] | null)[] = [];
    for (let step = 1 + random.below(4); step > 0; step -= 1) {
      const at = random.below(hot.length);
      const { key, list } = hot[at] ?? { key: "", list: [] };
      if (random.below(2) === 0) {
        input.push({ kind: "read", key });
        output.push(list.slice());
        continue;
      }
      value += 1;
      input.push({ kind: "append", key, value });
      output.push(null);
      if (effective) list.push(value);
      if (list.length >= APPENDS_PER_KEY_MAX) {
        hot[at] = { key: `k${keys}`, list: [] };
        keys += 1;
      }
    }
    const answer = outcome === "ok" ? output : null;
    history.push({ process, node: "n1", input, output: answer, outcome, invokedAt, completedAt });
  }
  return history;
}
