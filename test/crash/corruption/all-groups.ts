/** Every group of the corruption matrix, over the templates that each damages. */
import type { Group } from "./groups.ts";
import {
  batchHeaderMatrix,
  helix,
  metadataCopies,
  payloadMatrix,
  recordHeaderMatrix,
  sameSlot,
} from "./matrix.ts";
import { misplacedWrites } from "./misplaced.ts";
import {
  awayNodes,
  blockCorruptions,
  fileSystemFaults,
  readErrors,
  snapshotCorruptions,
} from "./random-groups.ts";
import { makeCompacted, makeLagging, makeTemplate } from "./template.ts";

/** The paper's numbers of drawn states. */
const DRAWN_STATES = 5000;
const DRAWN_STATES_FEW = 1000;

export async function allGroups(): Promise<readonly Group[]> {
  const sealed = await makeTemplate("sealed");
  const closed = await makeTemplate("closed");
  const together = await makeTemplate("together");
  const lagging = await makeLagging();
  const compacted = await makeCompacted();
  const every = [sealed, closed, together, lagging, compacted];
  return [
    payloadMatrix(sealed),
    payloadMatrix(closed),
    payloadMatrix(together),
    batchHeaderMatrix(sealed),
    recordHeaderMatrix(sealed),
    recordHeaderMatrix(closed),
    helix(sealed),
    helix(together),
    sameSlot(sealed),
    sameSlot(together),
    misplacedWrites(sealed),
    misplacedWrites(together),
    metadataCopies(sealed),
    blockCorruptions(every, DRAWN_STATES),
    readErrors(every, DRAWN_STATES),
    awayNodes([sealed, closed, together, lagging], DRAWN_STATES),
    snapshotCorruptions(compacted, DRAWN_STATES_FEW),
    fileSystemFaults(every, DRAWN_STATES_FEW),
  ];
}
