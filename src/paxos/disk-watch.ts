import type { Outbox } from "./outbox.ts";

/** Notices a disk that has stopped finishing syncs, which heartbeats alone would hide (faults rule 13). */
export class DiskWatch {
  readonly #outbox: Outbox;
  readonly #ticksMax: number;
  #ticks = 0;
  #durableAtLastTick = 0;

  constructor(outbox: Outbox, ticksMax: number) {
    this.#outbox = outbox;
    this.#ticksMax = ticksMax;
  }

  /** Whether something has waited for the disk for `ticksMax` ticks without any progress. */
  get stalls(): boolean {
    return this.#ticks >= this.#ticksMax;
  }

  tick(): void {
    const moved = this.#outbox.durableSequence > this.#durableAtLastTick;
    this.#durableAtLastTick = this.#outbox.durableSequence;
    this.#ticks = this.#outbox.waitsForDisk && !moved ? this.#ticks + 1 : 0;
  }
}
