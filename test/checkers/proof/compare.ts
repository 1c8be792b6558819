/** Compares the checkers with the definition on random small histories. */
import { SeededRandom } from "../../../src/base/random.ts";
import type { History } from "../history.ts";
import { checkLinearizability } from "../linearizability.ts";
import { checkListAppend } from "../list-append/check.ts";
import { registerModel } from "../models/register.ts";
import { hasOrder, listsModel } from "./brute-force.ts";
import { randomListHistory, randomRegisterHistory } from "./random-histories.ts";

export interface Comparison {
  readonly histories: number;
  /** By the definition. */
  readonly valid: number;
  /** Seeds, with the history, where a checker said otherwise. */
  readonly disagreements: readonly string[];
}

export type Compared = "linearizable" | "serializable" | "strictly serializable";

export const COMPARED: readonly Compared[] = [
  "linearizable",
  "serializable",
  "strictly serializable",
];

export function compare(what: Compared, firstSeed: number, histories: number): Comparison {
  let valid = 0;
  const disagreements: string[] = [];
  for (let seed = firstSeed; seed < firstSeed + histories; seed += 1) {
    const { history, expected, said } = judge(what, new SeededRandom(seed));
    if (expected) valid += 1;
    if (said !== (expected ? "valid" : "invalid")) {
      disagreements.push(
        `seed ${seed}: ${what} is ${String(expected)}, said ${said}\n${JSON.stringify(history, null, 1)}`,
      );
    }
  }
  return { histories, valid, disagreements };
}

interface Judgement {
  readonly history: History<unknown, unknown>;
  readonly expected: boolean;
  readonly said: string;
}

function judge(what: Compared, random: SeededRandom): Judgement {
  if (what === "linearizable") {
    const history = randomRegisterHistory(random);
    const expected = byKey(history).every((part) => hasOrder(part, registerModel, "realtime"));
    return { history, expected, said: checkLinearizability(history, registerModel).kind };
  }
  const history = randomListHistory(random);
  const strict = what === "strictly serializable";
  return {
    history,
    expected: hasOrder(history, listsModel, strict ? "process and realtime" : "any"),
    said: checkListAppend(history, strict ? "strong-serializable" : "serializable").kind,
  };
}

function byKey(history: ReturnType<typeof randomRegisterHistory>): (typeof history)[] {
  const keys = new Set(history.map(({ input }) => input.key));
  return [...keys].map((key) => history.filter(({ input }) => input.key === key));
}
