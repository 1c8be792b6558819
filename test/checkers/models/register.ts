/** Registers by key, null at first: read, write, compare-and-set. */
import type { SequentialModel } from "../sequential-model.ts";

export type RegisterValue = number | null;

export type RegisterInput =
  | { readonly kind: "read"; readonly key: string }
  | { readonly kind: "write"; readonly key: string; readonly value: RegisterValue }
  | {
      readonly kind: "cas";
      readonly key: string;
      readonly expected: RegisterValue;
      readonly value: RegisterValue;
    };

export type RegisterOutput =
  | { readonly kind: "read"; readonly value: RegisterValue }
  | { readonly kind: "written" }
  /** `swapped` false: another value than the expected one was there. */
  | { readonly kind: "cas"; readonly swapped: boolean };

export const registerModel: SequentialModel<RegisterValue, RegisterInput, RegisterOutput> = {
  name: "register",
  initial: null,
  step: (state, input, output) => {
    switch (input.kind) {
      case "read":
        return output?.kind !== "read" || output.value === state ? state : undefined;
      case "write":
        return input.value;
      case "cas": {
        const swaps = state === input.expected;
        if (output?.kind === "cas" && output.swapped !== swaps) return undefined;
        return swaps ? input.value : state;
      }
    }
  },
  onlyReads: (input, output) => input.kind === "read" || (output.kind === "cas" && !output.swapped),
  stateKey: (state) => String(state),
  partOf: (input) => input.key,
  describe: (input, output) => {
    switch (input.kind) {
      case "read":
        return `read ${input.key} -> ${output?.kind === "read" ? String(output.value) : "?"}`;
      case "write":
        return `write ${input.key} := ${String(input.value)}`;
      case "cas": {
        const swapped = output?.kind === "cas" ? String(output.swapped) : "?";
        return `cas ${input.key}: ${String(input.expected)} to ${String(input.value)} -> ${swapped}`;
      }
    }
  },
};
