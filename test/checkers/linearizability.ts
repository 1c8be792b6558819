/**
 * Is there one order of all operations, each at a moment between its invocation and its completion,
 * in which a sequential object would have answered the same? The search of Wing and Gong with the
 * memory of Lowe ("Testing for linearizability", 2016), a part (mostly: a key) at a time, which is
 * enough because linearizability is compositional (Herlihy and Wing; Horn and Kroening).
 *
 * What a search knows, at any moment:
 *
 * | remaining  | ok operations without a place yet; those invoked before the first of them completed |
 * |            | are the candidates for the next place                                               |
 * | unused     | operations of unknown outcome without a place; they never need one                  |
 * | visited    | for (candidates, state): the sets of used unknown operations from which the search  |
 * |            | found no way. The candidates stand for the whole set of placed operations: all      |
 * |            | others that were invoked in time have been placed                                   |
 *
 * Two things keep operations of unknown outcome, which stay concurrent with everything for ever, from
 * blowing the search up. They are tried last, and only where they change the state and what comes next
 * does not hide it. And whoever used more of them is no better off: a set is passed over if a subset of
 * it was visited.
 */
import type { History, Operation, Verdict } from "./history.ts";
import { operationText } from "./operation-text.ts";
import { PartSearch, type SearchBudget } from "./part-search.ts";
import type { SequentialModel } from "./sequential-model.ts";

export interface LinearizabilityOptions {
  /** For the whole history. Reached: "undecided". */
  readonly timeLimitMs?: number;
  /** Bounds the memory of the search in one part. Reached: "undecided". */
  readonly visitedMax?: number;
}

const TIME_LIMIT_MS = 60_000;
const VISITED_MAX = 4_000_000;
const PLACED_SHOWN_MAX = 8;

/** The first part that is not linearizable decides; with none, one that is undecided does. */
export function checkLinearizability<State, Input, Output>(
  history: History<Input, Output>,
  model: SequentialModel<State, Input, Output>,
  options: LinearizabilityOptions = {},
): Verdict {
  const budget: SearchBudget = {
    deadline: performance.now() + (options.timeLimitMs ?? TIME_LIMIT_MS),
    visitedMax: options.visitedMax ?? VISITED_MAX,
  };
  let undecided: Verdict | null = null;
  for (const [part, operations] of partsOf(history, model)) {
    const search = new PartSearch(operations, model, budget);
    const result = search.run();
    if (result === "impossible") {
      return {
        kind: "invalid",
        anomaly: "not linearizable",
        explanation: explain(part, model, search),
      };
    }
    if (result !== "linearizable") {
      undecided ??= {
        kind: "undecided",
        reason: `${result} while ${operations.length} operations of ${model.name} ${part} were searched`,
      };
    }
  }
  return undecided ?? { kind: "valid" };
}

function partsOf<State, Input, Output>(
  history: History<Input, Output>,
  model: SequentialModel<State, Input, Output>,
): Map<string, Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    if (operation.outcome === "failed") continue;
    const part = model.partOf(operation.input);
    const operations = parts.get(part);
    if (operations === undefined) parts.set(part, [operation]);
    else operations.push(operation);
  }
  return parts;
}

/** The furthest that any order came, and what none of the open operations could continue. */
function explain<State, Input, Output>(
  part: string,
  model: SequentialModel<State, Input, Output>,
  search: PartSearch<State, Input, Output>,
): string {
  const { placed, state, candidates, unused } = search.furthest();
  const text = (operation: Operation<Input, Output>): string =>
    operationText(operation, model.describe(operation.input, operation.output));
  const list = (operations: readonly Operation<Input, Output>[]): string =>
    operations.map((operation) => `\n  ${text(operation)}`).join("");
  const shown = placed.slice(-PLACED_SHOWN_MAX);
  const lines = [
    `${model.name} ${part}: no order of the operations explains what was answered.`,
    `The longest one that does puts ${placed.length} in a row` +
      (shown.length === placed.length ? ":" : `, of which the last ${shown.length} are:`) +
      list(shown),
    `Then the state is ${String(model.stateKey(state))}, and one of these must come next, but none can:` +
      list(candidates),
  ];
  if (unused.length > 0) {
    lines.push(`nor does it help that these, of unknown outcome, may come before:${list(unused)}`);
  }
  return lines.join("\n");
}
