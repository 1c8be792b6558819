/**
 * The definition, without any cleverness: tries every order. Only for a handful of operations; what the
 * checkers are compared with.
 */
import type { History, Operation } from "../history.ts";
import type { TransactionInput, TransactionOutput } from "../list-append/transaction.ts";
import type { SequentialModel } from "../sequential-model.ts";

/**
 * Is there an order of all operations that are ok and any of those that are unknown, which the model
 * explains? With "realtime", one that completed before another was invoked must stand before it; with
 * "process and realtime" also one that its process did before, even if no time passed in between.
 */
export function hasOrder<State, Input, Output>(
  history: History<Input, Output>,
  model: SequentialModel<State, Input, Output>,
  order: "process and realtime" | "realtime" | "any",
): boolean {
  const extend = (state: State, left: readonly Operation<Input, Output>[]): boolean => {
    if (left.every(({ outcome }) => outcome === "unknown")) return true;
    return left.some((operation) => {
      if (order !== "any" && left.some((other) => completedBefore(other, operation))) return false;
      // The history has the operations of one process in their order, even where no time passes.
      const earlier = left.slice(0, left.indexOf(operation));
      if (
        order === "process and realtime" &&
        earlier.some((other) => isSameProcess(other, operation))
      ) {
        return false;
      }
      const output = operation.outcome === "unknown" ? null : operation.output;
      const after = model.step(state, operation.input, output);
      return (
        after !== undefined &&
        extend(
          after,
          left.filter((other) => other !== operation),
        )
      );
    });
  };
  return extend(
    model.initial,
    history.filter(({ outcome }) => outcome !== "failed"),
  );
}

type Any = Operation<unknown, unknown>;

function completedBefore(one: Any, other: Any): boolean {
  return one.completedAt < other.invokedAt;
}

function isSameProcess(one: Any, other: Any): boolean {
  return one.process === other.process && one.outcome === "ok";
}

type Lists = ReadonlyMap<string, readonly number[]>;

/** Lists by key, and whole transactions as its operations. */
export const listsModel: SequentialModel<Lists, TransactionInput, TransactionOutput> = {
  name: "lists",
  initial: new Map(),
  step: (state, input, output) => {
    const lists = new Map(state);
    for (const [at, step] of input.entries()) {
      const list = lists.get(step.key) ?? [];
      if (step.kind === "append") lists.set(step.key, [...list, step.value]);
      else if (output !== null && output[at]?.join() !== list.join()) return undefined;
    }
    return lists;
  },
  onlyReads: (input) => input.every(({ kind }) => kind === "read"),
  stateKey: (state) => JSON.stringify([...state].toSorted(([a], [b]) => a.localeCompare(b))),
  partOf: () => "all",
  describe: (input) => JSON.stringify(input),
};
