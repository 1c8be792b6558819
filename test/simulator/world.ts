/**
 * What every simulated world has in common: a seed is a whole run, and a run ends in a result that
 * can be compared with another run of the same seed.
 */
import type { Violation } from "../support/violation.ts";

export interface WorldOptions {
  /** Classes of faults that never strike in this run; the names are those of `counts`. */
  readonly without?: ReadonlySet<string>;
  /** Faults that are passed over, by their number in this run, from 1. */
  readonly skip?: ReadonlySet<number>;
  /** Called with every line of the trace; without it only the last lines are kept. */
  readonly onEvent?: (line: string) => void;
}

export interface WorldResult {
  readonly seed: number;
  /** Null: every invariant held. */
  readonly violation: Violation | null;
  /** Over everything that happened: equal for two runs of one seed. */
  readonly traceHash: string;
  readonly events: number;
  readonly lastEvents: readonly string[];
  readonly virtualMs: number;
  /** How often each fault struck and each rare branch was taken. */
  readonly counts: ReadonlyMap<string, number>;
  /** Faults that struck, in all: the numbers that `skip` takes. */
  readonly faults: number;
}

/** One kind of simulated cluster. */
export type World = (seed: number, options?: WorldOptions) => Promise<WorldResult>;
