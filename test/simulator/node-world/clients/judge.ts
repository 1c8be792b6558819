/** Judges what clients were told against what is there at the end. Throws Violation. */
import type { Operation } from "../../../checkers/history.ts";
import { checkListAppend } from "../../../checkers/list-append/check.ts";
import type { Step, Transaction } from "../../../checkers/list-append/transaction.ts";
import { Violation } from "../../../support/violation.ts";
import type { Clients } from "./clients.ts";
import type { FinalState } from "./final-state.ts";
import type { LedgerOperation } from "./ledger-clients.ts";
import type { ListOperation, ListStep } from "./list-clients.ts";
import { judgeStories } from "./story-judge.ts";

/** What one operation proves of one list: how long it was, at least, when the operation ended. */
interface Sight {
  readonly operation: ListOperation;
  readonly key: number;
  /** How long the list was after the step. */
  readonly length: number;
  /** Whether the step appended the last of them. */
  readonly appended: boolean;
}

export function judge(clients: Clients, final: FinalState): void {
  judgeLedger(clients.ledger.history, final.ledger);
  judgeLists(clients.lists.history, final);
  judgeStories(clients, final);
}

function judgeLists(lists: readonly ListOperation[], final: FinalState): void {
  for (const [key, list] of final.lists) {
    const seen = new Set(list);
    if (seen.size !== list.length) {
      throw new Violation("X: nothing is there twice", `list ${key} is ${list.join()}`, "");
    }
  }
  for (const operation of lists) judgePresence(operation, final.lists);
  judgeOrder(lists, final.lists);
  judgeTransactions(lists, final);
}

/** The same once more by the checker of transactions, which sees what spans several lists as well. */
function judgeTransactions(lists: readonly ListOperation[], final: FinalState): void {
  const history = lists.map(asTransaction);
  const keys = [...final.lists.keys()];
  const last = Math.max(
    0,
    ...lists.map(({ invokedAt, completedAt }) =>
      completedAt === Number.POSITIVE_INFINITY ? invokedAt : completedAt,
    ),
  );
  history.push({
    process: -1,
    node: "at the end",
    input: keys.map((key) => ({ kind: "read", key: `${key}` })),
    output: keys.map((key) => final.lists.get(key) ?? []),
    outcome: "ok",
    invokedAt: last + 1,
    completedAt: last + 2,
  });
  const verdict = checkListAppend(history);
  if (verdict.kind === "valid") return;
  const [what, why] =
    verdict.kind === "invalid"
      ? [verdict.anomaly, verdict.explanation]
      : ["undecided", verdict.reason];
  throw new Violation("L: transactions are strictly serializable", what, why);
}

/** An append answers with the list as it is then: to the checker it is an append and a read. */
function asTransaction({ input, output, ...rest }: ListOperation): Transaction {
  return {
    ...rest,
    input: input.flatMap(({ key, ...step }): Step[] =>
      step.kind === "read"
        ? [{ kind: "read", key: `${key}` }]
        : [
            { kind: "append", key: `${key}`, value: step.value },
            { kind: "read", key: `${key}` },
          ],
    ),
    output:
      output === null
        ? null
        : input.flatMap(({ kind }, at) =>
            kind === "read" ? [output[at] ?? []] : [null, output[at] ?? []],
          ),
  };
}

function judgeLedger(operations: readonly LedgerOperation[], found: readonly number[]): void {
  const present = new Set(found);
  if (present.size !== found.length) {
    throw new Violation("X: nothing is there twice", `the ledger is ${found.join()}`, "");
  }
  for (const { input, outcome, node } of operations) {
    if (outcome === "ok" && !present.has(input)) {
      throw new Violation(
        "D: what was acknowledged is there",
        `${node} entered ${input}`,
        "it is gone",
      );
    }
    if (outcome === "failed" && present.has(input)) {
      throw new Violation(
        "X: what was refused is not there",
        `${node} refused ${input}`,
        "it is there",
      );
    }
  }
}

function judgePresence(operation: ListOperation, lists: FinalState["lists"]): void {
  const appends = operation.input.filter((step) => step.kind === "append");
  const present = appends.filter(({ key, value }) => lists.get(key)?.includes(value) === true);
  if (operation.outcome === "ok" && present.length < appends.length) {
    throw new Violation(
      "D: what was acknowledged is there",
      text(operation),
      "not all of it is there",
    );
  }
  if (operation.outcome === "failed" && present.length > 0) {
    throw new Violation("X: what was refused is not there", text(operation), "some of it is there");
  }
  if (present.length > 0 && present.length < appends.length) {
    throw new Violation("X: all of a transaction or nothing", text(operation), "a part is there");
  }
}

/**
 * With the final order known, a history of appends and whole reads is linearizable exactly if every
 * sight is a beginning of the final list and sights grow with time.
 */
function judgeOrder(operations: readonly ListOperation[], lists: FinalState["lists"]): void {
  const begun = new Map<number, ListOperation>();
  const byKey = new Map<number, Sight[]>();
  for (const operation of operations) {
    for (const [at, step] of operation.input.entries()) {
      if (step.kind === "append") begun.set(step.value, operation);
      const seen = operation.output?.[at];
      if (operation.outcome !== "ok" || seen === undefined) continue;
      refuseOther(operation, step, seen, lists.get(step.key) ?? []);
      const sight = {
        operation,
        key: step.key,
        length: seen.length,
        appended: step.kind === "append",
      };
      byKey.set(step.key, [...(byKey.get(step.key) ?? []), sight]);
    }
  }
  for (const [key, sights] of byKey) {
    for (const { operation, length } of sights) {
      const newest = lists.get(key)?.[length - 1];
      const source = newest === undefined ? undefined : begun.get(newest);
      if (source === undefined || source.invokedAt < operation.completedAt) continue;
      throw new Violation("L: nothing is seen before it began", text(operation), text(source));
    }
    refuseStale(sights);
  }
}

function refuseOther(
  operation: ListOperation,
  step: ListStep,
  seen: readonly number[],
  list: readonly number[],
): void {
  const isBeginning = seen.every((value, at) => value === list[at]);
  const hasOwn = step.kind === "read" || seen.at(-1) === step.value;
  if (isBeginning && hasOwn) return;
  throw new Violation(
    "L: what was seen is a beginning of the list",
    `${text(operation)} saw ${seen.join()}`,
    `list ${step.key} is ${list.join()}`,
  );
}

/** Of two operations, one after the other, the later sees at least as much, and more if it appends. */
function refuseStale(sights: readonly Sight[]): void {
  const byEnd = sights.toSorted(
    (left, right) => left.operation.completedAt - right.operation.completedAt,
  );
  const byBegin = sights.toSorted(
    (left, right) => left.operation.invokedAt - right.operation.invokedAt,
  );
  let longest: Sight | null = null;
  let ended = 0;
  for (const sight of byBegin) {
    for (let next = byEnd[ended]; next !== undefined; next = byEnd[ended]) {
      if (next.operation.completedAt >= sight.operation.invokedAt) break;
      if (longest === null || next.length > longest.length) longest = next;
      ended += 1;
    }
    if (longest === null || sight.length >= longest.length + (sight.appended ? 1 : 0)) continue;
    throw new Violation(
      "L: an operation sees what those before it saw",
      `${text(longest.operation)} had ${longest.length} of list ${sight.key}`,
      `${text(sight.operation)} began later and had ${sight.length}`,
    );
  }
}

function text({
  node,
  input,
  invokedAt,
  completedAt,
}: Operation<readonly ListStep[], unknown>): string {
  const steps = input.map((step) =>
    step.kind === "read" ? `read ${step.key}` : `append ${step.value} to ${step.key}`,
  );
  return `${steps.join(", ")} at ${node} (${invokedAt} to ${completedAt})`;
}
