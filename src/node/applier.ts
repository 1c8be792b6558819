/**
 * Feeds chosen entries to the state machine, in order, many at a time: whatever has gathered while
 * one call was under way goes with the next.
 *
 * A failed apply is the machine's fault (disk, file), never a statement's: the node keeps its log
 * and stops applying (faults rule 20).
 */
import { assert } from "../base/assert.ts";
import type { AppliedEntry, ApplyReport, StateMachine } from "../machine/state-machine.ts";
import { decodeBatch } from "../paxos/batch.ts";
import type { Entry } from "../paxos/types.ts";

export interface ApplierParts {
  readonly machine: StateMachine;
  readonly onApplied: (report: ApplyReport) => void;
  /** One slot's commands and bytes. */
  readonly onBatch: (commands: number, bytes: number) => void;
  readonly onFailure: (error: unknown) => void;
}

interface Queued {
  readonly entry: Entry;
  /** The persist sequence that must be durable first; 0 for none. */
  readonly after: number;
}

const ENTRIES_A_CALL_MAX = 512;
const BYTES_A_CALL_MAX = 4 * 1024 * 1024;

export class Applier {
  readonly #parts: ApplierParts;
  #queue: Queued[] = [];
  #appliedIndex: number;
  #durableSequence = 0;
  #busy = false;
  #paused = false;
  #failed = false;
  #idle: (() => void)[] = [];

  constructor(appliedIndex: number, parts: ApplierParts) {
    this.#parts = parts;
    this.#appliedIndex = appliedIndex;
  }

  /** Everything up to here is in the state machine. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Chosen entries that wait. */
  get backlog(): number {
    return this.#queue.length;
  }

  /** Takes chosen entries in slot order; those at or below the applied index are passed over. `run` follows. */
  take(entries: readonly Entry[], after: number): void {
    for (const entry of entries) {
      if (entry.slot > this.#appliedIndex) this.#queue.push({ entry, after });
    }
  }

  /** Applies what was taken, unless a call is under way: then it is next. */
  run(): void {
    if (this.#busy || this.#paused || this.#failed) return;
    const entries = this.#nextCall();
    if (entries.length === 0) return;
    this.#busy = true;
    this.#parts.machine.apply(entries).then(
      (report) => this.#applied(report),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Records up to `sequence` are durable: what waited for them may be applied. */
  durable(sequence: number): void {
    this.#durableSequence = sequence;
    this.run();
  }

  /** Waits until no call is under way and lets none begin until `resume`. */
  async pause(): Promise<void> {
    this.#paused = true;
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Goes on; `appliedIndex` is what the machine holds now (a snapshot may have moved it). */
  resume(appliedIndex: number): void {
    assert(appliedIndex >= this.#appliedIndex, "the state machine never goes back");
    this.#appliedIndex = appliedIndex;
    this.#queue = this.#queue.filter(({ entry }) => entry.slot > appliedIndex);
    this.#paused = false;
    this.run();
  }

  #applied(report: ApplyReport): void {
    this.#appliedIndex = report.appliedIndex;
    this.#parts.onApplied(report);
    this.#rest();
    this.run();
  }

  /** Nothing is applied any more, but whoever waits for the call to end, as a stop does, goes on. */
  #fail(error: unknown): void {
    this.#failed = true;
    this.#parts.onFailure(error);
    this.#rest();
  }

  #rest(): void {
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #nextCall(): AppliedEntry[] {
    const taken: AppliedEntry[] = [];
    let bytes = 0;
    for (const { entry, after } of this.#queue) {
      if (after > this.#durableSequence || taken.length === ENTRIES_A_CALL_MAX) break;
      if (bytes > 0 && bytes + entry.value.payload.length > BYTES_A_CALL_MAX) break;
      assert(entry.slot === this.#appliedIndex + taken.length + 1, `slot ${entry.slot} has a gap`);
      bytes += entry.value.payload.length;
      taken.push(this.#toApply(entry));
    }
    this.#queue.splice(0, taken.length);
    return taken;
  }

  #toApply(entry: Entry): AppliedEntry {
    if (entry.value.kind !== "batch") {
      return { slot: entry.slot, timestampMicros: 0, commands: [] };
    }
    const batch = decodeBatch(entry.value.payload);
    this.#parts.onBatch(batch.commands.length, entry.value.payload.length);
    return { slot: entry.slot, ...batch };
  }
}
