/**
 * Goes through what a power loss can leave of a piece of work on a disk:
 *
 *   for every disk operation of the work, and behind its end:
 *     the process stops there
 *     for every subset of the sectors, lengths and names that were not synced:
 *       a disk with just that is opened by the production code, twice, and judged
 *
 * and, of every so many of those disks, the same once more with the opening as the work: a crash
 * inside the recovery of a crash.
 *
 * States are counted once: two that have the same bytes under the same names, after the same
 * answers, are one.
 */
import { createHash } from "node:crypto";
import { SeededRandom } from "../../../src/base/random.ts";
import { forEveryChoice } from "../../support/choices.ts";
import type { FaultyDisk } from "../../support/faulty-files.ts";
import { settle } from "../../support/settle.ts";
import { filesOf } from "../../support/storage/disk-files.ts";

/** What a process that opened the disk read, as text, and what is wrong with it. */
export interface Reading {
  readonly read: string;
  readonly complaints: readonly string[];
}

/** One run of the work, on a disk of its own. */
export interface Run {
  readonly disk: FaultyDisk;
  /** Does the work; rejects when the disk stops it. */
  readonly work: () => Promise<void>;
  /** What was acknowledged so far, as text. */
  readonly told: () => string;
  /** Opens a disk that is found after a stop, as a process of that life (from 1). */
  readonly open: (found: FaultyDisk, life: number) => Promise<Reading>;
}

export interface CrashScenario {
  readonly name: string;
  /** A run up to where the work begins; the same each time. */
  readonly prepare: () => Promise<Run>;
}

export interface EnumerationBounds {
  /** Subsets a stop; beyond it they are drawn. */
  readonly subsets: number;
  /** Every how many states the opening is stopped as well. */
  readonly recoveryEvery: number;
  /** Subsets a stop of an opening. */
  readonly recoverySubsets: number;
  /** Only every how many stops of the work; 1 for all. */
  readonly stopEvery: number;
}

export interface ScenarioResult {
  readonly name: string;
  readonly stops: number;
  /** Distinct states after one crash. */
  readonly states: number;
  /** Distinct states after a crash inside the recovery. */
  readonly recoveryStates: number;
  /** Stops with more subsets than the bound: a part of them was drawn. */
  readonly cut: number;
  readonly violations: readonly string[];
}

export const ALL_STATES: EnumerationBounds = {
  subsets: 16_384,
  recoveryEvery: 499,
  recoverySubsets: 32,
  stopEvery: 1,
};

const DRAWN_BEYOND = 1000;
const VIOLATIONS_KEPT = 10;

export async function enumerate(
  scenario: CrashScenario,
  bounds: EnumerationBounds,
  onStates: (states: number) => void = () => undefined,
): Promise<ScenarioResult> {
  const enumeration = new Enumeration(scenario, bounds, onStates);
  return enumeration.run();
}

class Enumeration {
  readonly #scenario: CrashScenario;
  readonly #bounds: EnumerationBounds;
  readonly #onStates: (states: number) => void;
  readonly #seen = new Set<string>();
  readonly #seenInRecovery = new Set<string>();
  readonly #violations: string[] = [];
  #cut = 0;

  constructor(
    scenario: CrashScenario,
    bounds: EnumerationBounds,
    onStates: (states: number) => void,
  ) {
    this.#scenario = scenario;
    this.#bounds = bounds;
    this.#onStates = onStates;
  }

  async run(): Promise<ScenarioResult> {
    let stops = 0;
    for (let stop = 1, ended = false; !ended; stop += this.#bounds.stopEvery) {
      const run = await this.#scenario.prepare();
      ended = await stopped(run.disk, stop, run.work);
      stops += 1;
      await this.#everySubset(run, `stop ${stop}`);
    }
    const states = this.#seen.size;
    const recoveryStates = this.#seenInRecovery.size;
    const { name } = this.#scenario;
    return { name, stops, states, recoveryStates, cut: this.#cut, violations: this.#violations };
  }

  async #everySubset(run: Run, place: string): Promise<void> {
    const judge = async (found: FaultyDisk): Promise<void> => {
      if (!isNew(this.#seen, found, run.told())) return;
      this.#onStates(this.#seen.size + this.#seenInRecovery.size);
      const isDue = this.#seen.size % this.#bounds.recoveryEvery === 0;
      const pristine = isDue ? copyOf(found) : null;
      const first = await this.#open(run, found, { life: 1, place });
      found.restart();
      const second = await this.#open(run, found, { life: 2, place: `${place}, opened again` });
      if (first !== second) this.#complain(place, `read ${first}, then ${second}`);
      if (pristine !== null) await this.#stopRecovery(run, pristine, place);
    };
    const { subsets } = this.#bounds;
    const tried = await forEveryChoice(subsets, (random) => judge(run.disk.afterPowerLoss(random)));
    if (tried < subsets) return;
    this.#cut += 1;
    for (let draw = 0; draw < Math.min(DRAWN_BEYOND, subsets); draw += 1) {
      await judge(run.disk.afterPowerLoss(new SeededRandom(draw, 4711)));
    }
  }

  /** The opening of `found` is stopped at each of its operations, and every subset opened again. */
  async #stopRecovery(run: Run, found: FaultyDisk, place: string): Promise<void> {
    for (let stop = 1, ended = false; !ended; stop += this.#bounds.stopEvery) {
      const disk = copyOf(found);
      let read: string | null = null;
      ended = await stopped(disk, stop, async () => {
        read = (await run.open(disk, 1)).read;
      });
      const where = `${place}, recovery stopped at ${stop}`;
      await forEveryChoice(this.#bounds.recoverySubsets, async (random) => {
        const left = disk.afterPowerLoss(random);
        if (!isNew(this.#seenInRecovery, left, `${run.told()} ${read}`)) return;
        const again = await this.#open(run, left, { life: 2, place: where });
        // Whoever opened it may have acted on what it read.
        if (read !== null && again !== read) this.#complain(where, `read ${read}, then ${again}`);
      });
    }
  }

  async #open(
    run: Run,
    disk: FaultyDisk,
    { life, place }: { readonly life: number; readonly place: string },
  ): Promise<string> {
    try {
      const { read, complaints } = await run.open(disk, life);
      for (const complaint of complaints) this.#complain(place, complaint);
      return read;
    } catch (error) {
      this.#complain(place, `cannot be opened: ${String(error)}`);
      return "nothing";
    }
  }

  #complain(place: string, complaint: string): void {
    if (this.#violations.length < VIOLATIONS_KEPT) this.#violations.push(`${place}: ${complaint}`);
  }
}

/** Runs `work` up to operation `stop` of it; whether it came to its end before. */
async function stopped(
  disk: FaultyDisk,
  stop: number,
  work: () => Promise<void>,
): Promise<boolean> {
  disk.stopAt(disk.operations + stop);
  const ended = await work().then(
    () => true,
    () => false,
  );
  // What was begun in the background comes to its stop as well.
  await settle();
  return ended;
}

/** Nothing on `disk` waits for a sync. */
function copyOf(disk: FaultyDisk): FaultyDisk {
  return disk.afterPowerLoss(new SeededRandom(0));
}

function isNew(seen: Set<string>, disk: FaultyDisk, told: string): boolean {
  const hash = createHash("sha1").update(told);
  for (const [path, bytes] of filesOf(disk, "/")) hash.update(`\n${path} `).update(bytes);
  const key = hash.digest("base64");
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
