/** Strings by key, empty at first: get, put, append. */
import type { SequentialModel } from "../sequential-model.ts";

export type KeyValueInput =
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "append"; readonly key: string; readonly value: string };

/** What a get saw; of the others it is of no interest. */
export type KeyValueOutput = string;

export const keyValueModel: SequentialModel<string, KeyValueInput, KeyValueOutput> = {
  name: "key-value",
  initial: "",
  step: (state, input, output) => {
    switch (input.kind) {
      case "get":
        return output === null || output === state ? state : undefined;
      case "put":
        return input.value;
      case "append":
        return state + input.value;
    }
  },
  onlyReads: (input) => input.kind === "get",
  stateKey: (state) => state,
  partOf: (input) => input.key,
  describe: (input, output) =>
    input.kind === "get"
      ? `get ${input.key} -> ${output === null ? "?" : JSON.stringify(output)}`
      : `${input.kind} ${input.key} ${JSON.stringify(input.value)}`,
};
