/**
 * Goal: through any number of power losses the log gives back every acknowledged append that was
 * not truncated, in order, each append whole or not at all, and nothing that was not appended.
 * Method: seeded workloads (appends of all sizes, several in flight, truncations, seals, reopens)
 * over a faulty disk with tiny segments, so that roll-over and recycling happen all the time. Each
 * life of the process stops at a drawn disk operation, during open as well; then the disk keeps a
 * drawn subset of what was not synced. In a share of the lives a sync fails instead.
 */
import { describe, expect, it } from "vitest";
import { type Random, SeededRandom } from "../../src/base/random.ts";
import type { Wal, WalRecord } from "../../wal/wal.ts";
import { forEveryStop } from "../support/choices.ts";
import { FaultyDisk } from "../support/faulty-files.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { settle } from "../support/settle.ts";
import { openWal, recordOf, slotsOf } from "../support/wal-fixture.ts";
import { WalLedger } from "../support/wal-ledger.ts";

const SEEDS = 400;
const LIVES = 8;
/** Of what a power loss keeps, for each pair of stops. */
const DRAWS = 2;

/** Drives one log through its lives and remembers what it was told. */
class CrashTest {
  readonly #random: Random;
  readonly #disk = new FaultyDisk();
  readonly #ledger = new WalLedger();
  readonly #complaints: string[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** What was wrong after each life; empty if nothing was. */
  async run(): Promise<readonly string[]> {
    for (let life = 0; life < LIVES; life += 1) {
      await this.#live();
      if (this.#random.below(4) === 0) this.#disk.restart();
      else this.#disk.crash(this.#random);
    }
    const { recovery } = await openWal(this.#disk);
    this.#check(recovery.records, recovery.damaged.length);
    return this.#complaints;
  }

  async #live(): Promise<void> {
    const disk = this.#disk;
    if (this.#random.below(4) !== 0) disk.stopAt(disk.operations + 1 + this.#random.below(120));
    const fault = this.#random.below(6);
    if (fault === 0) disk.fail({ operation: "sync", code: "EIO", after: this.#random.below(20) });
    if (fault === 1) disk.limitGrowth(this.#random.below(20_000));
    const clock = new ManualClock();
    const options = { clock, sealAfterMs: 5, random: this.#random };
    const opened = await openWal(disk, options).catch(() => null);
    if (opened === null) return;
    this.#check(opened.recovery.records, opened.recovery.damaged.length);
    await this.#work(opened.wal, clock);
  }

  async #work(wal: Wal, clock: ManualClock): Promise<void> {
    const running: Promise<unknown>[] = [];
    const steps = this.#random.below(30);
    for (let step = 0; step < steps; step += 1) {
      running.push(this.#append(wal));
      if (this.#random.below(3) === 0) await Promise.all(running);
      if (this.#random.below(5) === 0) running.push(this.#truncate(wal));
      if (this.#random.below(4) === 0) clock.advance(10);
      if (this.#random.below(4) === 0) await settle();
    }
    if (this.#random.below(2) === 0) await Promise.all(running);
    if (this.#random.below(4) === 0) await wal.close().catch(() => undefined);
  }

  async #append(wal: Wal): Promise<void> {
    const append = this.#ledger.append(1 + this.#random.below(4));
    const bytes = [20, 300, 900, 6000][this.#random.below(4)] ?? 20;
    await wal.append(append.slots.map((slot) => recordOf(slot, this.#random.below(bytes)))).then(
      () => {
        append.acknowledged = true;
      },
      () => undefined,
    );
  }

  async #truncate(wal: Wal): Promise<void> {
    const slots = this.#ledger.acknowledgedSlots;
    if (slots.length === 0) return;
    const floor = slots[this.#random.below(slots.length)] ?? 0;
    this.#ledger.truncate(floor);
    await wal.truncateBelow(floor).catch(() => undefined);
  }

  #check(records: readonly WalRecord[], damaged: number): void {
    this.#complaints.push(...this.#ledger.complaints(records, damaged));
    this.#ledger.settle(records);
  }
}

describe("wal, power loss anywhere", () => {
  it.each([0, 1, 2, 3])(
    `seeds of block %i, ${LIVES} lives each: nothing acknowledged is lost`,
    async (block) => {
      const failures: string[] = [];
      for (let seed = block * 1000; seed < block * 1000 + SEEDS / 4; seed += 1) {
        const complaints = await new CrashTest(seed).run();
        if (complaints.length > 0) failures.push(`seed ${seed}: ${complaints.join("; ")}`);
      }
      expect(failures).toEqual([]);
    },
  );
});

/** Stops a workload, lets a second process open the log and stops it too, cuts the power, opens. */
class TwoStops {
  readonly complaints: string[] = [];

  /** Whether the workload came to its end before `first`. */
  async after(first: number): Promise<boolean> {
    let ended = false;
    await forEveryStop(async (second) => {
      let opened = false;
      for (let draw = 0; draw < DRAWS; draw += 1) {
        const disk = new FaultyDisk();
        disk.stopAt(first);
        ended = await rollOver(disk).then(
          () => true,
          () => false,
        );
        const random = new SeededRandom(draw, first * 1000 + second);
        opened = await this.#secondLife(disk, second, random);
      }
      return opened;
    });
    return ended;
  }

  async #secondLife(disk: FaultyDisk, second: number, random: Random): Promise<boolean> {
    disk.restart();
    disk.stopAt(disk.operations + second);
    const read = await openWal(disk).then(
      ({ recovery }) => slotsOf(recovery.records),
      () => null,
    );
    disk.crash(random);
    const { records, damaged } = (await openWal(disk)).recovery;
    const found = slotsOf(records);
    const wrong = damaged.map(({ reason }) => reason);
    if (read !== null && found.join() !== read.join()) wrong.push(`${read.join()} changed`);
    this.complaints.push(...wrong);
    return read !== null;
  }
}

describe("wal, stopped anywhere, opened again and stopped again, then power loss", () => {
  it("what the second process read stays, and nothing is called damaged", async () => {
    const test = new TwoStops();
    const stops = await forEveryStop((first) => test.after(first));
    expect(test.complaints).toEqual([]);
    expect(stops).toBeGreaterThan(25);
  });
});

/** Fills some segments, truncates, and ends without closing. */
async function rollOver(disk: FaultyDisk): Promise<void> {
  const { wal } = await openWal(disk);
  for (let slot = 1; slot <= 3; slot += 1) await wal.append([recordOf(slot, 1800)]);
  await wal.truncateBelow(1);
  await wal.append([recordOf(4, 6000)]);
}
