/** Goal: what a person worked out by hand, the checkers say too: see golden-histories.txt. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../checkers/history.ts";
import { checkLinearizability } from "../../checkers/linearizability.ts";
import { checkListAppend, listAppendReport } from "../../checkers/list-append/check.ts";
import { type AnomalyName, type Level, levelsFrom } from "../../checkers/list-append/levels.ts";
import { keyValueModel } from "../../checkers/models/key-value.ts";
import { registerModel } from "../../checkers/models/register.ts";
import {
  type GoldenHistory,
  parseGoldenHistories,
  parseKeyValue,
  parseOperations,
  parseRegister,
  parseTransaction,
} from "./golden-history.ts";

const golden = parseGoldenHistories(
  readFileSync(new URL("golden-histories.txt", import.meta.url), "utf8"),
);
const transactions = golden.filter(({ kind }) => kind === "transactions");
const objects = golden.filter(({ kind }) => kind !== "transactions");
const LEVELS: readonly string[] = levelsFrom(["read-uncommitted"], "plain");

function isLevel(name: string): name is Level {
  return LEVELS.includes(name);
}

function judge({ kind, lines }: GoldenHistory): Verdict {
  switch (kind) {
    case "register":
      return checkLinearizability(parseOperations(lines, parseRegister), registerModel);
    case "key-value":
      return checkLinearizability(parseOperations(lines, parseKeyValue), keyValueModel);
    default:
      throw new Error(`there is no kind ${kind}`);
  }
}

interface Expected {
  readonly anomalies: readonly string[];
  readonly refutes: readonly Level[];
  readonly keeps: readonly Level[];
}

function expectedOf({ verdict, name }: GoldenHistory): Expected {
  const levels = (words: readonly string[]): Level[] =>
    words.map((word) => {
      if (!isLevel(word)) throw new Error(`"${name}": there is no level ${word}`);
      return word;
    });
  const parts = verdict.split("; ").map((part) => part.split(" "));
  const after = (word: string): Level[] =>
    levels(parts.find(([first]) => first === word)?.slice(1) ?? []);
  const [first = []] = parts;
  const anomalies = first[0] === "keeps" || first[0] === "refutes" ? [] : first;
  return { anomalies, refutes: after("refutes"), keeps: after("keeps") };
}

describe("golden histories", () => {
  test("are many, and of all kinds", () => {
    expect(golden.length).toBeGreaterThanOrEqual(60);
    expect(new Set(golden.map(({ name }) => name)).size).toBe(golden.length);
    const named = new Set(transactions.flatMap((history) => expectedOf(history).anomalies));
    const all: readonly AnomalyName[] = [
      ...(["G0", "G0-process", "G0-realtime", "G1a", "G1b", "G1c", "G1c-process"] as const),
      ...(["G1c-realtime", "G-single", "G-single-process", "G-single-realtime"] as const),
      ...(["G-nonadjacent", "G2-item", "lost-update", "internal", "dirty-update"] as const),
      ...(["duplicate-elements", "unexpected-element", "incompatible-order"] as const),
    ];
    for (const name of all) expect(named).toContain(name);
  });

  test.each(objects.map((history) => [history.name, history] as const))("%s", (_, history) => {
    expect(judge(history).kind).toBe(history.verdict);
  });

  test.each(transactions.map((history) => [history.name, history] as const))("%s", (_, history) => {
    const operations = parseOperations(history.lines, parseTransaction);
    const { anomalies, refutes, keeps } = expectedOf(history);
    const report = listAppendReport(operations);
    const found = report.kind === "checked" ? report.anomalies.map(({ name }) => name) : [];
    expect([...new Set(found)].toSorted()).toEqual([...anomalies].toSorted());
    for (const level of refutes) expect(checkListAppend(operations, level).kind).toBe("invalid");
    for (const level of keeps) expect(checkListAppend(operations, level).kind).toBe("valid");
    expect(refutes.length > 0).toBe(anomalies.length > 0);
  });
});
