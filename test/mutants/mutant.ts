/**
 * A mutant is one deliberate defect, as data: production code holds no switches. `find` is exact text
 * that stands once in its file; a build in which it is replaced is run through a world's seeds until an
 * oracle notices (planted-build.ts, hunt.ts).
 */

export interface Patch {
  /** From the project's root. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Which simulated cluster a mutant is hunted in; worlds.ts has the code. */
export type WorldName = "core" | "nodes" | "sqlite" | "disks";

export interface Mutant {
  /** As in section 4 of the catalogue of faults; a letter behind the number tells several ways apart. */
  readonly id: string;
  readonly what: string;
  readonly world: WorldName;
  readonly patches: readonly [Patch, ...Patch[]];
  /** The budget: an oracle must notice within so many seeds, wherever the seeds begin. */
  readonly seedsMax: number;
}

/** A mistake of the catalogue that cannot be planted yet, because what it would break is not there. */
export interface NotApplicable {
  readonly id: string;
  readonly what: string;
  readonly why: string;
}
