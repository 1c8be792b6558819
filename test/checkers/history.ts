/**
 * What clients saw: one record an operation, whoever ran it (simulator or real processes). A history
 * is written to disk as JSON lines in this form and can be checked again by any later checker.
 *
 * | outcome | meaning                                                                        |
 * | ok      | it took effect once, at some moment from `invokedAt` to `completedAt`           |
 * | failed  | the server proved that it did not take effect and never will                    |
 * | unknown | it may have taken effect, or may still do so later, or never                    |
 */
export type OperationOutcome = "ok" | "failed" | "unknown";

export interface Operation<Input, Output> {
  /** A client that does one thing at a time. After an unknown outcome it goes on under a new number. */
  readonly process: number;
  /** The node that it spoke to. */
  readonly node: string;
  readonly input: Input;
  /** Null unless the outcome is ok. */
  readonly output: Output | null;
  readonly outcome: OperationOutcome;
  /** By one monotonic clock for all clients; any unit. */
  readonly invokedAt: number;
  /** Infinity for an unknown outcome (null in JSON). */
  readonly completedAt: number;
}

export type History<Input, Output> = readonly Operation<Input, Output>[];

/** What a checker says. "undecided": it ran out of its time or memory, which is not "valid". */
export type Verdict =
  | { readonly kind: "valid" }
  | { readonly kind: "undecided"; readonly reason: string }
  /** `anomaly` is a short name (G0, G1a, …, "not linearizable"), `explanation` names the operations. */
  | { readonly kind: "invalid"; readonly anomaly: string; readonly explanation: string };
