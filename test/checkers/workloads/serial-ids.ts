/**
 * Rows whose ids the database gives out (serial, identity, sequences). Ids are unique among all that were
 * acknowledged and in every read of the table; where it is promised they also grow, for each session or
 * in real time. Gaps are allowed.
 */
import type { History, Operation, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type SerialInput = { readonly kind: "insert" } | { readonly kind: "read" };

/** The id that an insert got, alone; the ids of all rows for a read. */
export type SerialOutput = readonly number[];

/** In which order ids are promised to grow. */
export type SerialPromise = "unique only" | "per session" | "in real time";

type SerialOperation = Operation<SerialInput, SerialOutput>;

export function checkSerialIds(
  history: History<SerialInput, SerialOutput>,
  promise: SerialPromise,
): Verdict {
  const findings = new Findings();
  const ok = history.filter(({ outcome }) => outcome === "ok");
  const inserts = ok
    .filter(({ input }) => input.kind === "insert")
    .toSorted((a, b) => a.invokedAt - b.invokedAt);
  const insertOf = checkUnique(inserts, findings);
  for (const read of ok) if (read.input.kind === "read") checkRead(read, insertOf, findings);
  if (promise === "per session") checkSessions(inserts, findings);
  if (promise === "in real time") checkRealTime(inserts, findings);
  return findings.verdict();
}

function checkUnique(
  inserts: readonly SerialOperation[],
  findings: Findings,
): ReadonlyMap<number, SerialOperation> {
  const insertOf = new Map<number, SerialOperation>();
  for (const insert of inserts) {
    const other = insertOf.get(idOf(insert));
    if (other !== undefined) findings.add("given-twice", pairText(other, insert));
    insertOf.set(idOf(insert), insert);
  }
  return insertOf;
}

function checkRead(
  read: SerialOperation,
  insertOf: ReadonlyMap<number, SerialOperation>,
  findings: Findings,
): void {
  const ids = read.output ?? [];
  const text = operationText(read, `read of ${ids.length} rows`);
  const seen = new Set<number>();
  for (const id of ids) {
    if (seen.has(id)) findings.add("doubled", `${id} in ${text}`);
    seen.add(id);
  }
  for (const [id, insert] of insertOf) {
    if (insert.completedAt < read.invokedAt && !seen.has(id)) {
      findings.add("lost", `${insertText(insert)}, not in ${text}`);
    }
  }
}

function checkSessions(inserts: readonly SerialOperation[], findings: Findings): void {
  const lastOf = new Map<number, SerialOperation>();
  for (const insert of inserts) {
    const last = lastOf.get(insert.process);
    if (last !== undefined && idOf(last) > idOf(insert)) {
      findings.add("not-growing", pairText(last, insert));
    }
    lastOf.set(insert.process, insert);
  }
}

/** Walks through time with the largest id that was given out before each invocation. */
function checkRealTime(inserts: readonly SerialOperation[], findings: Findings): void {
  const byCompletion = inserts.toSorted((a, b) => a.completedAt - b.completedAt);
  let at = 0;
  let largest: SerialOperation | undefined;
  for (const insert of inserts) {
    for (
      let done = byCompletion[at];
      done !== undefined && done.completedAt < insert.invokedAt;
      done = byCompletion[at]
    ) {
      if (largest === undefined || idOf(done) > idOf(largest)) largest = done;
      at += 1;
    }
    if (largest !== undefined && idOf(largest) > idOf(insert)) {
      findings.add("not-growing", pairText(largest, insert));
    }
  }
}

function idOf({ output }: SerialOperation): number {
  return output?.[0] ?? Number.NaN;
}

function insertText(insert: SerialOperation): string {
  return operationText(insert, `insert got ${idOf(insert)}`);
}

function pairText(one: SerialOperation, other: SerialOperation): string {
  return `\n  ${insertText(one)}\n  ${insertText(other)}`;
}
