/**
 * What is there at once, mostly, and else comes later. An async function between a statement and its
 * answer costs more than a short statement does, and each caller would add one.
 */
export type MaybePromise<Result> = Result | Promise<Result>;

/** What `next` makes of the result, at once if it is there. Throws, or rejects with, what either throws. */
export function andThen<Result, Next>(
  answer: MaybePromise<Result>,
  next: (result: Result) => MaybePromise<Next>,
): MaybePromise<Next> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}
