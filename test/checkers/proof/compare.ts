/** Compares the checkers with the definition on random small histories. */
import { SeededRandom } from "../../../src/base/random.ts";
import type { History } from "../history.ts";
import { checkLinearizability } from "../linearizability.ts";
import { checkListAppend } from "../list-append/check.ts";
import { keyValueModel } from "../models/key-value.ts";
import { registerModel } from "../models/register.ts";
import { hasOrder, listsModel } from "./brute-force.ts";
import {
  randomKeyValueHistory,
  randomListHistory,
  randomRegisterHistory,
} from "./random-histories.ts";

export interface Comparison {
  readonly histories: number;
  /** By the definition. */
  readonly valid: number;
  /** Seeds, with the history, where a checker said otherwise. */
  readonly disagreements: readonly string[];
}

export const COMPARED = [
  "linearizable registers",
  "linearizable strings",
  "serializable transactions",
  "strictly serializable transactions",
] as const;
export type Compared = (typeof COMPARED)[number];

export function compare(what: Compared, firstSeed: number, histories: number): Comparison {
  let valid = 0;
  const disagreements: string[] = [];
  for (let seed = firstSeed; seed < firstSeed + histories; seed += 1) {
    const { history, expected, said } = judge(what, new SeededRandom(seed));
    if (expected) valid += 1;
    if (said !== (expected ? "valid" : "invalid")) {
      disagreements.push(
        `seed ${seed}: ${what}: ${String(expected)}, but said ${said}\n${JSON.stringify(history, null, 1)}`,
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
  switch (what) {
    case "linearizable registers": {
      const history = randomRegisterHistory(random);
      const expected = byKey(history).every((part) => hasOrder(part, registerModel, "realtime"));
      return { history, expected, said: checkLinearizability(history, registerModel).kind };
    }
    case "linearizable strings": {
      const history = randomKeyValueHistory(random);
      const expected = hasOrder(history, keyValueModel, "realtime");
      return { history, expected, said: checkLinearizability(history, keyValueModel).kind };
    }
    case "serializable transactions": {
      const history = randomListHistory(random);
      const expected = hasOrder(history, listsModel, "any");
      return { history, expected, said: checkListAppend(history, "serializable").kind };
    }
    case "strictly serializable transactions": {
      const history = randomListHistory(random);
      const expected = hasOrder(history, listsModel, "process and realtime");
      return { history, expected, said: checkListAppend(history, "strong-serializable").kind };
    }
  }
}

function byKey(history: ReturnType<typeof randomRegisterHistory>): (typeof history)[] {
  const keys = new Set(history.map(({ input }) => input.key));
  return [...keys].map((key) => history.filter(({ input }) => input.key === key));
}
