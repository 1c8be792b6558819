/** Who appended what, key by key. */
import type { OperationOutcome } from "../history.ts";
import type { Transaction, TransactionHistory } from "./transaction.ts";

/** A read step of a transaction that is ok. */
export interface Read {
  /** Index in the history. */
  readonly transaction: number;
  readonly step: number;
  readonly list: readonly number[];
}

export interface KeyHistory {
  readonly key: string;
  readonly index: number;
  readonly writerOf: Map<number, number>;
  /** Values after which their own transaction appended to the key again. */
  readonly intermediate: Set<number>;
  /** From a value to the one that its own transaction appended to the key before. */
  readonly ownBefore: Map<number, number>;
  readonly reads: Read[];
  /** Whether a failed transaction appended to it. */
  hasFailed: boolean;
}

export class Appends {
  readonly history: TransactionHistory;
  readonly keys: KeyHistory[] = [];
  readonly #byName = new Map<string, KeyHistory>();
  /** A value that a key got twice: such a history says nothing. */
  ambiguous: string | null = null;

  constructor(history: TransactionHistory) {
    this.history = history;
    for (const [index, transaction] of history.entries()) this.#add(index, transaction);
  }

  transaction(index: number): Transaction {
    const transaction = this.history[index];
    if (transaction === undefined) throw new Error(`there is no transaction ${index}`);
    return transaction;
  }

  writer(key: KeyHistory, value: number): number {
    return key.writerOf.get(value) ?? -1;
  }

  /** Undefined if nobody appended the value. */
  outcomeOf(key: KeyHistory, value: number): OperationOutcome | undefined {
    return this.history[this.writer(key, value)]?.outcome;
  }

  #add(index: number, transaction: Transaction): void {
    const { input, output, outcome } = transaction;
    for (const [step, asked] of input.entries()) {
      const key = this.#key(asked.key);
      if (asked.kind === "append") {
        this.#append(key, index, asked.value);
        if (outcome === "failed") key.hasFailed = true;
        markIntermediate(key, transaction, step, asked.value);
      } else if (outcome === "ok") {
        key.reads.push({ transaction: index, step, list: output?.[step] ?? [] });
      }
    }
  }

  #append(key: KeyHistory, index: number, value: number): void {
    if (key.writerOf.has(value)) {
      this.ambiguous ??= `${value} is appended to ${key.key} twice, so it cannot be told who wrote it`;
    }
    key.writerOf.set(value, index);
  }

  #key(name: string): KeyHistory {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const key: KeyHistory = {
      key: name,
      index: this.keys.length,
      writerOf: new Map(),
      intermediate: new Set(),
      ownBefore: new Map(),
      reads: [],
      hasFailed: false,
    };
    this.#byName.set(name, key);
    this.keys.push(key);
    return key;
  }
}

/** The append to the same key before this step, if there is one, was not the last. */
function markIntermediate(
  key: KeyHistory,
  { input }: Transaction,
  step: number,
  value: number,
): void {
  for (let before = step - 1; before >= 0; before -= 1) {
    const earlier = input[before];
    if (earlier?.kind === "append" && earlier.key === key.key) {
      key.intermediate.add(earlier.value);
      key.ownBefore.set(value, earlier.value);
      return;
    }
  }
}
