/**
 * Goal: our linearizability checker agrees with another one. Method: histories that were recorded from
 * etcd and from a key-value store, with the verdicts of the checker Porcupine (test/data/histories).
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../checkers/history.ts";
import { checkLinearizability } from "../../checkers/linearizability.ts";
import { keyValueModel } from "../../checkers/models/key-value.ts";
import { registerModel } from "../../checkers/models/register.ts";
import { parseKeyValueLog, parseRegisterLog } from "./recorded-history.ts";

interface Known {
  readonly model: string;
  readonly linearizable: boolean;
}

const FOLDER = fileURLToPath(new URL("../../data/histories/", import.meta.url));
const read = (file: string): string => readFileSync(`${FOLDER}${file}`, "utf8");
const known = new Map(Object.entries(JSON.parse(read("verdicts.json")) as Record<string, Known>));

function verdictOf(file: string, model: string): Verdict {
  return model === "kv-append"
    ? checkLinearizability(parseKeyValueLog(read(file)), keyValueModel)
    : checkLinearizability(parseRegisterLog(read(file)), registerModel);
}

describe("recorded histories", () => {
  test("every recorded file has a known verdict, of both kinds", () => {
    const files = readdirSync(FOLDER).filter((name) => /^(etcd_|kv-)/.test(name));
    expect(new Set(files)).toEqual(new Set(known.keys()));
    const linearizable = [...known.values()].filter((file) => file.linearizable).length;
    expect(linearizable).toBeGreaterThan(5);
    expect(known.size - linearizable).toBeGreaterThan(5);
  });

  test.each([...known])("%s is judged as the other checker judges it", (file, expected) => {
    const verdict = verdictOf(file, expected.model);
    expect(verdict.kind).toBe(expected.linearizable ? "valid" : "invalid");
  });
});
