/** Sets of integers by key, empty at first: add, remove, read. */
import type { SequentialModel } from "../sequential-model.ts";

export type SetInput =
  | { readonly kind: "add"; readonly key: string; readonly element: number }
  | { readonly kind: "remove"; readonly key: string; readonly element: number }
  | { readonly kind: "read"; readonly key: string };

/** What a read saw, in any order; of the others it is of no interest. */
export type SetOutput = readonly number[];

/** The state is the elements in ascending order. */
export const setModel: SequentialModel<readonly number[], SetInput, SetOutput> = {
  name: "set",
  initial: [],
  step: (state, input, output) => {
    switch (input.kind) {
      case "add":
        return state.includes(input.element)
          ? state
          : [...state, input.element].toSorted((a, b) => a - b);
      case "remove":
        return state.filter((element) => element !== input.element);
      case "read":
        return output === null || isSame(output, state) ? state : undefined;
    }
  },
  onlyReads: (input) => input.kind === "read",
  stateKey: (state) => state.join(","),
  partOf: (input) => input.key,
  describe: (input, output) =>
    input.kind === "read"
      ? `read ${input.key} -> ${output === null ? "?" : `{${output.join(",")}}`}`
      : `${input.kind} ${input.element} ${input.kind === "add" ? "to" : "from"} ${input.key}`,
};

function isSame(output: SetOutput, state: readonly number[]): boolean {
  const sorted = output.toSorted((a, b) => a - b);
  return sorted.length === state.length && sorted.every((element, at) => element === state[at]);
}
