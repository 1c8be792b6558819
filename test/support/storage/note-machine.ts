/**
 * A state machine that only notes what was applied: enough to see a gap, a changed value or an
 * invented one, and fast enough for tens of thousands of clusters. Its notes outlive the process as
 * far as the test wants: whoever sets them back makes the log, or a snapshot, really needed.
 */
import { join } from "node:path";
import type { Files } from "../../../src/base/files.ts";
import type {
  AppliedEntry,
  ApplyReport,
  MachineState,
  ReadPage,
  SnapshotFiles,
  StateMachine,
} from "../../../src/machine/state-machine.ts";

/** What the machine holds: its "file". */
export interface Notes {
  appliedIndex: number;
  /** By slot: the commands, as text. */
  lines: Record<string, string>;
}

const SNAPSHOT_FILE = "notes.db";

export function emptyNotes(): Notes {
  return { appliedIndex: 0, lines: {} };
}

export class NoteMachine implements StateMachine {
  readonly hasRunawayRead = false;
  readonly #files: Files;
  readonly #notes: Notes;

  constructor(files: Files, notes: Notes) {
    this.#files = files;
    this.#notes = notes;
  }

  async open(): Promise<MachineState> {
    return this.#state();
  }

  async apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    this.note(entries);
    const { appliedIndex } = this.#notes;
    return { appliedIndex, reports: [], changedDatabases: [], digest: "" };
  }

  speculate(): Promise<never> {
    return Promise.reject(new Error("notes have no transactions"));
  }

  closeView(): void {
    // None was opened.
  }

  endTransaction(): void {
    // None was begun.
  }

  /** The same at once. */
  note(entries: readonly AppliedEntry[]): void {
    for (const { slot, commands } of entries) {
      if (slot !== this.#notes.appliedIndex + 1) {
        throw new Error(`slot ${slot} is applied after ${this.#notes.appliedIndex}`);
      }
      this.#notes.lines[slot] = commands.map((bytes) => Buffer.from(bytes).toString()).join("+");
      this.#notes.appliedIndex = slot;
    }
  }

  async snapshot(directory: string): Promise<SnapshotFiles> {
    const file = await this.#files.open(join(directory, SNAPSHOT_FILE), "create");
    await file.write(0, new Uint8Array(Buffer.from(JSON.stringify(this.#notes))));
    await file.close();
    return { appliedIndex: this.#notes.appliedIndex, files: [SNAPSHOT_FILE] };
  }

  async restore(directory: string, files: readonly string[]): Promise<MachineState> {
    const file = await this.#files.open(join(directory, files[0] ?? SNAPSHOT_FILE), "read");
    const text = Buffer.from(await file.read(0, await file.size())).toString();
    await file.close();
    const { appliedIndex, lines }: Notes = JSON.parse(text);
    Object.assign(this.#notes, { appliedIndex, lines });
    return this.#state();
  }

  async checkpoint(): Promise<number> {
    return this.#notes.appliedIndex;
  }

  async contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return { appliedIndex: this.#notes.appliedIndex, hash: JSON.stringify(this.#notes.lines) };
  }

  read(): Promise<ReadPage> {
    return Promise.reject(new Error("the notes are read by the test"));
  }

  readMore(): Promise<ReadPage> {
    return this.read();
  }

  closeCursor(): void {}

  async close(): Promise<void> {}

  #state(): MachineState {
    const { appliedIndex } = this.#notes;
    return { appliedIndex, databases: [], createdNow: false, restoreInterrupted: false };
  }
}
