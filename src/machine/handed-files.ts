import type { HandedBlocks } from "./sequence-blocks.ts";
import type { DatabaseId } from "./state-machine.ts";

/** What came of a call, and whether it surely was to be done in a moment (program.ts). */
export interface Measured<Result> {
  readonly result: Result;
  readonly wasShort: boolean;
}

/** What a machine hands over that is not in its files. */
export interface HandedFiles {
  readonly appliedIndex: number;
  readonly blocks: readonly (readonly [DatabaseId, HandedBlocks])[];
}
