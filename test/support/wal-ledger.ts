/** What a log was told and what it answered, to hold against what comes back after a stop. */
import type { WalRecord } from "../../wal/wal.ts";
import { isGenuine, slotsOf } from "./wal-fixture.ts";

interface Append {
  readonly slots: readonly number[];
  acknowledged: boolean;
}

export class WalLedger {
  #appends: Append[] = [];
  #nextSlot = 1;
  #floor = 0;

  /** Slots for an append of `count` records that is handed over now. */
  append(count: number): Append {
    const slots = Array.from({ length: count }, (_, index) => this.#nextSlot + index);
    this.#nextSlot += count;
    const append = { slots, acknowledged: false };
    this.#appends.push(append);
    return append;
  }

  /** Everything up to `floor` may go from now on. */
  truncate(floor: number): void {
    this.#floor = Math.max(this.#floor, floor);
  }

  get acknowledgedSlots(): readonly number[] {
    return this.#appends.flatMap(({ slots, acknowledged }) => (acknowledged ? slots : []));
  }

  /** As text: what was acknowledged and what may be gone. */
  get told(): string {
    return `${this.acknowledgedSlots.join()} of ${this.#nextSlot - 1}, floor ${this.#floor}`;
  }

  /** What is wrong with what came back without any rot; empty: nothing. */
  complaints(records: readonly WalRecord[], damaged: number): readonly string[] {
    const complaints: string[] = [];
    const slots = slotsOf(records);
    const found = new Set(slots);
    if (damaged > 0) complaints.push("damage without rot");
    if (!records.every(isGenuine)) complaints.push("invented record");
    if (slots.some((slot) => slot >= this.#nextSlot)) complaints.push("record of the future");
    if (slots.some((slot, at) => at > 0 && slot <= (slots[at - 1] ?? 0))) {
      complaints.push(`out of order or twice: ${slots.join()}`);
    }
    let missing = false;
    for (const append of this.#appends) {
      const count = append.slots.filter((slot) => found.has(slot)).length;
      const isTruncated = count === 0 && append.slots.some((slot) => slot <= this.#floor);
      if (isTruncated) continue;
      complaints.push(...complaintsOfAppend(append, count, missing));
      missing ||= count === 0;
    }
    return complaints;
  }

  /** What came back is from now on what was appended: the rest never will be. */
  settle(records: readonly WalRecord[]): void {
    const found = new Set(slotsOf(records));
    this.#appends = this.#appends
      .filter((append) => append.slots.some((slot) => found.has(slot)))
      .map((append) => ({ ...append, acknowledged: true }));
  }
}

function complaintsOfAppend(append: Append, count: number, missing: boolean): string[] {
  const name = `append of ${append.slots.join()}`;
  const complaints: string[] = [];
  if (count > 0 && count < append.slots.length) complaints.push(`${name} came back in part`);
  if (append.acknowledged && count === 0) complaints.push(`${name} is lost`);
  // Appends are durable in their order: none comes back behind one that is gone.
  if (count > 0 && missing) complaints.push(`${name} came back behind a lost one`);
  return complaints;
}
