/** Draws every possible sequence of yes-or-no answers in turn: each run of a body takes another one. */
import type { Random } from "../../src/base/random.ts";

/**
 * Runs `body` once for every way in which its yes-or-no questions (`below(2)`) can be answered, at
 * most `limit` times. Answers how many runs there were.
 */
export async function forEveryChoice(
  limit: number,
  body: (random: Random) => Promise<void>,
): Promise<number> {
  let answers: number[] = [];
  for (let run = 1; run <= limit; run += 1) {
    let asked = 0;
    const below = (bound: number): number => {
      if (bound !== 2) throw new Error("only yes-or-no questions can be enumerated");
      if (asked === answers.length) answers.push(0);
      asked += 1;
      return answers[asked - 1] ?? 0;
    };
    await body({ below, u32: () => below(2), bytes: (count) => new Uint8Array(count) });
    answers = answers.slice(0, asked);
    while (answers.at(-1) === 1) answers.pop();
    if (answers.length === 0) return run;
    answers[answers.length - 1] = 1;
  }
  return limit;
}

/**
 * Runs `body` with stop = 1, 2, … until it answers that its work came to its end before the stop.
 * Answers how many stops there were.
 */
export async function forEveryStop(body: (stop: number) => Promise<boolean>): Promise<number> {
  let stop = 1;
  while (!(await body(stop))) stop += 1;
  return stop;
}
