/** Every step of the log's protocol, on tiny segments. */
import { SeededRandom } from "../../../src/base/random.ts";
import type { Wal } from "../../../wal/wal.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { settle } from "../../support/settle.ts";
import { openWal, recordOf, slotsOf } from "../../support/wal-fixture.ts";
import { WalLedger } from "../../support/wal-ledger.ts";
import type { CrashScenario, Reading, Run } from "./enumerate.ts";

const SEGMENT_BYTES = 8192;
/** A batch of so many sectors, headers included. */
const SECTORS = 512;
const PREPARE_LIFE = 100;
const SEAL_MS = 5;

/** A log that is driven step by step; what it acknowledges goes into the ledger. */
class LogRun {
  readonly disk = new FaultyDisk();
  readonly ledger = new WalLedger();
  readonly #clock = new ManualClock();
  #wal: Wal | null = null;

  async open(life: number): Promise<void> {
    const opened = await openWal(this.disk, {
      segmentBytes: SEGMENT_BYTES,
      clock: this.#clock,
      sealAfterMs: SEAL_MS,
      random: new SeededRandom(life, 9),
    });
    this.#wal = opened.wal;
  }

  /** One append of `records` records in a batch of about `sectors` sectors. */
  async append(sectors: number, records = 1): Promise<void> {
    const append = this.ledger.append(records);
    const payloadBytes = Math.floor((sectors * SECTORS - 64 - records * 64) / records);
    await this.wal.append(append.slots.map((slot) => recordOf(slot, payloadBytes)));
    append.acknowledged = true;
  }

  async seal(): Promise<void> {
    this.#clock.advance(2 * SEAL_MS);
    await settle();
    if (this.wal.failure !== null) throw this.wal.failure;
  }

  async truncate(floor: number): Promise<void> {
    this.ledger.truncate(floor);
    await this.wal.truncateBelow(floor);
    await settle();
  }

  get wal(): Wal {
    if (this.#wal === null) throw new Error("the log is not open");
    return this.#wal;
  }
}

/** `before` is what is done and over, `work` is stopped anywhere. */
function scenario(
  name: string,
  before: (log: LogRun) => Promise<void>,
  work: (log: LogRun) => Promise<void>,
): CrashScenario {
  return { name: `log: ${name}`, prepare: () => prepared(before, work) };
}

async function prepared(
  before: (log: LogRun) => Promise<void>,
  work: (log: LogRun) => Promise<void>,
): Promise<Run> {
  const log = new LogRun();
  await before(log);
  await settle();
  const { disk, ledger } = log;
  const open = async (found: FaultyDisk, life: number): Promise<Reading> => {
    const { recovery } = await openWal(found, {
      segmentBytes: SEGMENT_BYTES,
      random: new SeededRandom(life, 3),
    });
    const { records, damaged } = recovery;
    const complaints = [...ledger.complaints(records, 0)];
    complaints.push(...damaged.map(({ reason }) => `damage without rot: ${reason}`));
    return { read: slotsOf(records).join(), complaints };
  };
  return { disk, work: () => work(log), told: () => ledger.told, open };
}

async function fresh(log: LogRun): Promise<void> {
  await log.open(PREPARE_LIFE);
}

/** Three segments of which the first was truncated: what is written next goes over old bytes. */
async function recycled(log: LogRun): Promise<void> {
  await fresh(log);
  for (let count = 0; count < 5; count += 1) await log.append(6);
  await log.truncate(2);
}

/** Killed with an unproven last batch. */
async function killed(log: LogRun): Promise<void> {
  await fresh(log);
  await log.append(2);
  await log.append(10, 2);
  log.disk.restart();
}

export const WAL_SCENARIOS: readonly CrashScenario[] = [
  scenario(
    "opened for the first time",
    async () => undefined,
    (log) => log.open(PREPARE_LIFE),
  ),
  scenario("small appends", fresh, async (log) => {
    for (let count = 0; count < 4; count += 1) await log.append(1);
  }),
  scenario("one long append", fresh, (log) => log.append(13)),
  scenario("many records in one append", fresh, (log) => log.append(12, 20)),
  scenario("appends of one turn", fresh, async (log) => {
    await Promise.all([log.append(5), log.append(3, 2), log.append(2)]);
  }),
  scenario("append over recycled bytes", recycled, async (log) => {
    await log.append(1);
    await log.append(12, 3);
  }),
  scenario("seal, then append", fresh, async (log) => {
    await log.append(4);
    await log.seal();
    await log.append(8);
  }),
  scenario(
    "rotation",
    async (log) => {
      await fresh(log);
      await log.append(10);
    },
    async (log) => {
      await log.append(10);
      await log.append(3);
    },
  ),
  scenario("record longer than a segment", fresh, (log) => log.append(20)),
  scenario(
    "truncation of two segments",
    async (log) => {
      await fresh(log);
      for (let count = 0; count < 5; count += 1) await log.append(6);
    },
    async (log) => {
      await log.truncate(4);
      await log.append(7);
    },
  ),
  scenario("opened after a kill", killed, (log) => log.open(PREPARE_LIFE + 1)),
  scenario("opened after a kill, then appended", killed, async (log) => {
    await log.open(PREPARE_LIFE + 1);
    await log.append(5);
  }),
  scenario("a sync fails, then appends", fresh, async (log) => {
    log.disk.fail({ operation: "sync", code: "EIO" });
    await log.append(8).catch(() => undefined);
    await log.append(2).catch(() => undefined);
    await log.disk.files.exists("/still running");
  }),
  scenario(
    "opened again and again, idle",
    async (log) => {
      await killed(log);
      await log.open(PREPARE_LIFE + 1);
      log.disk.restart();
    },
    (log) => log.open(PREPARE_LIFE + 2),
  ),
];
