/** Counters by key, 0 at first. An add may answer the sum (UPDATE … RETURNING) or nothing. */
import type { SequentialModel } from "../sequential-model.ts";

export type CounterInput =
  | { readonly kind: "add"; readonly key: string; readonly amount: number }
  | { readonly kind: "read"; readonly key: string };

/** The value after the operation; null if it did not say. */
export interface CounterOutput {
  readonly value: number | null;
}

export const counterModel: SequentialModel<number, CounterInput, CounterOutput> = {
  name: "counter",
  initial: 0,
  step: (state, input, output) => {
    const after = input.kind === "add" ? state + input.amount : state;
    const seen = output?.value ?? null;
    return seen === null || seen === after ? after : undefined;
  },
  onlyReads: (input) => input.kind === "read",
  stateKey: (state) => state,
  partOf: (input) => input.key,
  describe: (input, output) => {
    const what = input.kind === "add" ? `add ${input.amount} to ${input.key}` : `read ${input.key}`;
    return `${what} -> ${output === null ? "?" : String(output.value)}`;
  },
};
