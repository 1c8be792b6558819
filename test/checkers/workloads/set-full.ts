/**
 * A set to which elements are added, each once, and which is read as a whole. From the moment at which an
 * element is known to be there (its add was acknowledged, or a read showed it) each later read must show it.
 *
 * | anomaly      | meaning                                                                           |
 * | lost         | it was there, and the last read that had to show it, and all after, do not         |
 * | stale        | a read that had to show it does not, but a later one does                          |
 * | duplicated   | one read shows it more than once                                                   |
 * | undone       | a read shows it although its add failed                                            |
 * | unexpected   | a read shows what nobody added, or what was only added after the read completed     |
 *
 * Elements whose add was never acknowledged may appear; how many did is counted.
 */
import type { History, Operation, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type SetFullInput =
  | { readonly kind: "add"; readonly element: number }
  | { readonly kind: "read" };

/** What a read saw, in any order; of an add it is of no interest. */
export type SetFullOutput = readonly number[];

export interface SetFullReport {
  readonly verdict: Verdict;
  readonly acknowledged: number;
  /** Never acknowledged, but seen. */
  readonly appeared: number;
  /** Never acknowledged and never seen. */
  readonly absent: number;
}

type SetFullOperation = Operation<SetFullInput, SetFullOutput>;

interface Element {
  readonly element: number;
  readonly add: SetFullOperation;
  /** Reads that are invoked later must show it. Infinity while nobody knows it. */
  knownAt: number;
  /** Of the latest read that shows it. */
  seenInvokedAt: number;
  missedBy: SetFullOperation | null;
}

export function checkSetFull(history: History<SetFullInput, SetFullOutput>): SetFullReport {
  const findings = new Findings();
  const elements = elementsOf(history);
  const reads = history.filter(({ input, outcome }) => input.kind === "read" && outcome === "ok");
  const shown = reads.map((read) => lookAt(read, elements, findings));
  const byKnown = [...elements.values()].toSorted((a, b) => a.knownAt - b.knownAt);
  for (const [at, read] of reads.entries()) noteMissed(read, shown[at] ?? new Set(), byKnown);
  for (const element of elements.values()) reportMissed(element, findings);
  const acknowledged = byKnown.filter(({ add }) => add.outcome === "ok").length;
  const unknown = byKnown.filter(({ add }) => add.outcome === "unknown");
  const appeared = unknown.filter(({ knownAt }) => knownAt < Infinity).length;
  return {
    verdict: findings.verdict(),
    acknowledged,
    appeared,
    absent: unknown.length - appeared,
  };
}

function elementsOf(history: History<SetFullInput, SetFullOutput>): Map<number, Element> {
  const elements = new Map<number, Element>();
  for (const add of history) {
    if (add.input.kind !== "add") continue;
    const { element } = add.input;
    if (elements.has(element)) throw new Error(`${element} is added twice; adds must be unique`);
    const knownAt = add.outcome === "ok" ? add.completedAt : Infinity;
    elements.set(element, { element, add, knownAt, seenInvokedAt: -Infinity, missedBy: null });
  }
  return elements;
}

/** What is wrong with the read by itself; notes what it shows. */
function lookAt(
  read: SetFullOperation,
  elements: ReadonlyMap<number, Element>,
  findings: Findings,
): Set<number> {
  const shown = new Set<number>();
  for (const value of read.output ?? []) {
    if (shown.has(value)) findings.add("duplicated", `${value} twice in ${readText(read)}`);
    shown.add(value);
    const element = elements.get(value);
    if (element === undefined || element.add.invokedAt > read.completedAt) {
      findings.add("unexpected", `${value}, which nobody had added, in ${readText(read)}`);
      continue;
    }
    if (element.add.outcome === "failed") {
      findings.add("undone", `${addText(element)} failed, but ${readText(read)} shows it`);
    }
    element.knownAt = Math.min(element.knownAt, read.completedAt);
    element.seenInvokedAt = Math.max(element.seenInvokedAt, read.invokedAt);
  }
  return shown;
}

function noteMissed(
  read: SetFullOperation,
  shown: ReadonlySet<number>,
  byKnown: readonly Element[],
): void {
  for (const element of byKnown) {
    if (element.knownAt >= read.invokedAt) return;
    if (!shown.has(element.element)) {
      const before = element.missedBy;
      if (before === null || before.invokedAt < read.invokedAt) element.missedBy = read;
    }
  }
}

function reportMissed(element: Element, findings: Findings): void {
  const { missedBy, seenInvokedAt, knownAt } = element;
  if (missedBy === null) return;
  const anomaly = seenInvokedAt > missedBy.invokedAt ? "stale" : "lost";
  findings.add(
    anomaly,
    `${addText(element)} was there at ${knownAt}, but not in ${readText(missedBy)}`,
  );
}

function addText({ add, element }: Element): string {
  return operationText(add, `add ${element}`);
}

function readText(read: SetFullOperation): string {
  return operationText(read, `read of ${read.output?.length ?? 0} elements`);
}
