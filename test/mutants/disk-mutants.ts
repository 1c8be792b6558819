/** Mistakes in the log's files and in what a node makes of them, hunted over damaged disks. */
import type { Mutant } from "./mutant.ts";

const RECOVER = "src/node/recover.ts";
const RECOVERY = "wal/recovery.ts";
const SCAN = "wal/scan.ts";
const SEGMENT = "wal/segment.ts";

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    id: "m28",
    what: "the log ends at its first bad checksum",
    world: "disks",
    patches: [
      {
        file: RECOVERY,
        find: "if (batch.sequence <= this.#last.sequence) return;",
        replace: "if (batch.sequence <= this.#last.sequence || this.#tornBytes > 0) return;",
      },
      {
        file: RECOVERY,
        find: "if (!isProven && !batch.intact && inActive && isRead) {",
        replace: "if (!batch.intact) {",
      },
      { file: RECOVERY, find: "this.#missing(this.#proven);", replace: "" },
    ],
    seedsMax: 200,
  },
  {
    id: "m29b",
    what: "damaged records are taken for ones that never were",
    world: "disks",
    patches: [
      {
        file: RECOVER,
        find: "const faulty = faultySlots(recovery, entries, durable.truncationFloor);",
        replace: "const faulty: FaultySlot[] = [];",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m29c",
    what: "records that were lost without a trace are taken for ones that never were",
    world: "disks",
    patches: [
      {
        file: RECOVER,
        find: "const faultyAnywhere = durable.lostRecords || hasLostRecords(recovery);",
        replace: "const faultyAnywhere = false;",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m30",
    what: "a record's checksum is not looked at",
    world: "disks",
    patches: [
      {
        file: SCAN,
        find: "if (crc32(payload) !== header.payloadChecksum) {",
        replace: "if (payload.length < 0) {",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m31",
    what: "a segment's header is taken for good in another segment's file",
    world: "disks",
    patches: [
      { file: SEGMENT, find: "if (getU64(view, at + 16) !== number) return null;", replace: "" },
    ],
    seedsMax: 5000,
  },
];
