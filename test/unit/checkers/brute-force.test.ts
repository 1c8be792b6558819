/**
 * Goal: the checkers say what the definitions say. Method: small random histories, about half of them
 * wrong, judged by a search through every order (`npm run checkers` does ten times as many).
 */
import { describe, expect, test } from "vitest";
import { COMPARED, compare } from "../../checkers/proof/compare.ts";

const HISTORIES = 10_000;
const MS_MAX = 60_000;

describe("small random histories", () => {
  test.each(COMPARED)(
    "are found to be %s exactly when some order explains them",
    (what) => {
      const { valid, disagreements } = compare(what, 1, HISTORIES);
      expect(disagreements.slice(0, 3)).toEqual([]);
      // Both kinds are common, or the agreement would say little.
      expect(valid).toBeGreaterThan(HISTORIES / 5);
      expect(valid).toBeLessThan((HISTORIES * 4) / 5);
    },
    MS_MAX,
  );
});
