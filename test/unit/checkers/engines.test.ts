/**
 * Goal: the checker of transactions accepts an engine at its level and sees it fall short of the next.
 * Method: textbook engines (see test/checkers/proof/engines.ts) under random clients.
 */
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../../src/base/random.ts";
import { type ListAppendReport, listAppendReport } from "../../checkers/list-append/check.ts";
import type { Level } from "../../checkers/list-append/levels.ts";
import { ENGINES, type KnownEngine } from "../../checkers/proof/engines.ts";
import { runEngine } from "../../checkers/proof/run-engine.ts";

const SEEDS = 60;
const RUN = { transactions: 60, clients: 6, keys: 3, abortEvery: 8, unknownEvery: 12 };

type Checked = Extract<ListAppendReport, { readonly kind: "checked" }>;

function reportsOf({ create }: KnownEngine): readonly Checked[] {
  return Array.from({ length: SEEDS }, (_, seed) => {
    const random = new SeededRandom(seed);
    const report = listAppendReport(runEngine(create(random), random, RUN));
    if (report.kind !== "checked") throw new Error(report.reason);
    return report;
  });
}

describe("a textbook engine with", () => {
  test.each(ENGINES.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
    const reports = reportsOf(engine);
    const refuting = (level: Level | null): readonly Checked[] =>
      reports.filter(({ refuted }) => level !== null && refuted.includes(level));
    const wronged = refuting(engine.keeps).flatMap(({ anomalies }) => anomalies);
    expect(wronged.map(({ explanation }) => explanation)).toEqual([]);
    const often = engine.breaks === null ? 0 : SEEDS / 4;
    expect(refuting(engine.breaks).length).toBeGreaterThanOrEqual(often);
    const names = new Set(reports.flatMap(({ anomalies }) => anomalies.map(({ name }) => name)));
    for (const name of engine.shows) expect(names).toContain(name);
  });
});
