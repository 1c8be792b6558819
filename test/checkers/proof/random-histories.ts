/**
 * Small random histories, about half of them wrong. Each is what a sequential object answered in some
 * order, to operations whose intervals contain their moments; then, often, something is changed.
 */
import type { Random } from "../../../src/base/random.ts";
import type { Operation, OperationOutcome } from "../history.ts";
import type { Step, TransactionInput, TransactionOutput } from "../list-append/transaction.ts";
import type { KeyValueInput, KeyValueOutput } from "../models/key-value.ts";
import type { RegisterInput, RegisterOutput, RegisterValue } from "../models/register.ts";

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;
export type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;
export type ListOperation = Operation<TransactionInput, TransactionOutput>;

interface Frame {
  readonly process: number;
  readonly node: string;
  readonly outcome: OperationOutcome;
  readonly invokedAt: number;
  readonly completedAt: number;
  /** Whether it takes effect: always if ok, never if failed. */
  readonly effective: boolean;
}

/** Few moments, so that they often coincide; each process does one thing after the other. */
function randomFrames(random: Random, count: number): readonly Frame[] {
  const processes = 1 + random.below(4);
  const okOf = 2 + random.below(6);
  const frames = Array.from({ length: count }, (_, at): Frame => {
    const outcome = random.below(okOf) > 0 ? "ok" : random.below(3) > 0 ? "unknown" : "failed";
    const moment = at * 2;
    const invokedAt = moment - random.below(6);
    const completedAt = outcome === "unknown" ? Infinity : moment + random.below(6);
    const effective = outcome === "ok" || (outcome === "unknown" && random.below(2) === 0);
    return {
      process: random.below(processes),
      node: "n1",
      outcome,
      invokedAt,
      completedAt,
      effective,
    };
  });
  // A process that would overlap itself is another process.
  const busyUntil = new Map<number, number>();
  return frames.map((frame, at) => {
    const free = (busyUntil.get(frame.process) ?? -Infinity) <= frame.invokedAt;
    const process = free ? frame.process : 100 + at;
    busyUntil.set(process, frame.completedAt);
    return { ...frame, process };
  });
}

export function randomRegisterHistory(random: Random): readonly RegisterOperation[] {
  const state = new Map<string, RegisterValue>();
  const keys = 1 + random.below(2);
  const wrongness = 2 + random.below(8);
  return randomFrames(random, 1 + random.below(7)).map(({ effective, ...frame }) => {
    const input = randomRegisterInput(random, `k${random.below(keys)}`);
    const before = state.get(input.key) ?? null;
    const output = registerOutput(input, before);
    if (effective && input.kind === "write") state.set(input.key, input.value);
    if (effective && output.kind === "cas" && output.swapped && input.kind === "cas") {
      state.set(input.key, input.value);
    }
    const answered = random.below(wrongness) === 0 ? wrongOutput(random, output) : output;
    return { ...frame, input, output: frame.outcome === "ok" ? answered : null };
  });
}

function randomRegisterInput(random: Random, key: string): RegisterInput {
  const value = random.below(3);
  switch (random.below(4)) {
    case 0:
      return { kind: "write", key, value };
    case 1:
      return { kind: "cas", key, expected: random.below(3), value };
    default:
      return { kind: "read", key };
  }
}

function registerOutput(input: RegisterInput, before: RegisterValue): RegisterOutput {
  switch (input.kind) {
    case "read":
      return { kind: "read", value: before };
    case "write":
      return { kind: "written" };
    case "cas":
      return { kind: "cas", swapped: before === input.expected };
  }
}

function wrongOutput(random: Random, output: RegisterOutput): RegisterOutput {
  switch (output.kind) {
    case "read":
      return { kind: "read", value: random.below(4) === 0 ? null : random.below(3) };
    case "written":
      return output;
    case "cas":
      return { kind: "cas", swapped: !output.swapped };
  }
}

export function randomKeyValueHistory(random: Random): readonly KeyValueOperation[] {
  let state = "";
  const wrongness = 2 + random.below(8);
  return randomFrames(random, 1 + random.below(7)).map(({ effective, ...frame }) => {
    const value = "abc".charAt(random.below(3));
    const kind = (["get", "get", "append", "put"] as const)[random.below(4)] ?? "get";
    const input = kind === "get" ? { kind, key: "k" } : { kind, key: "k", value };
    const seen = random.below(wrongness) === 0 ? state.slice(random.below(3)) + value : state;
    if (effective && kind === "put") state = value;
    if (effective && kind === "append") state += value;
    return { ...frame, input, output: frame.outcome === "ok" ? seen : null };
  });
}

type Lists = ReadonlyMap<string, readonly number[]>;

export function randomListHistory(random: Random): readonly ListOperation[] {
  const keys = 1 + random.below(3);
  const wrongness = 2 + random.below(6);
  const staleness = 1 + random.below(3);
  /** After each that took effect; the first is before all. */
  const states: Lists[] = [new Map()];
  let largest = 0;
  return randomFrames(random, 1 + random.below(6)).map(({ effective, ...frame }) => {
    const latest = states.at(-1) ?? new Map();
    // A stale snapshot makes for cycles; what is wrong in one list only, seldom.
    const snapshot = random.below(staleness) === 0 ? states[random.below(states.length)] : latest;
    const input: Step[] = [];
    const output: (readonly number[] | null)[] = [];
    const own = new Map<string, number[]>();
    for (let step = 1 + random.below(3); step > 0; step -= 1) {
      const key = `k${random.below(keys)}`;
      if (random.below(2) === 0) {
        const list = own.get(key) ?? snapshot?.get(key) ?? [];
        input.push({ kind: "read", key });
        output.push(random.below(wrongness) === 0 ? wrongList(random, list, largest) : [...list]);
        continue;
      }
      largest += 1;
      input.push({ kind: "append", key, value: largest });
      output.push(null);
      const list = own.get(key) ?? [...(latest.get(key) ?? [])];
      own.set(key, list);
      // Not always at the end: two that are under way may be applied in any order.
      if (random.below(16) === 0) list.splice(random.below(list.length + 1), 0, largest);
      else list.push(largest);
    }
    if (effective) states.push(new Map([...latest, ...own]));
    return { ...frame, input, output: frame.outcome === "ok" ? output : null };
  });
}

function wrongList(random: Random, list: readonly number[], largest: number): readonly number[] {
  switch (random.below(6)) {
    case 0:
      return list.toReversed();
    case 1:
      return [...list, 1 + random.below(largest + 1)];
    case 2:
      return list.slice(1);
    default:
      return list.slice(0, random.below(list.length + 1));
  }
}
