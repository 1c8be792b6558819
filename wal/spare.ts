/**
 * The file that becomes the next segment. It is filled with bytes beforehand, so that the sync of a
 * batch changes neither the file's size nor its allocation; a segment that truncation frees is
 * reused as it is, old bytes and all (the new life's salt tells them apart).
 */
import { join } from "node:path";
import type { Files } from "../src/base/files.ts";

/** Filled and synced in steps of this size, so that the log's own syncs do not queue behind it (faults rule 31). */
const FILL_STEP_BYTES = 1024 * 1024;

const SPARE_NAME = "spare";

export class Spare {
  readonly #files: Files;
  readonly #directory: string;
  readonly #bytes: number;
  readonly #path: string;
  /** "taken": the file is still called so, but is on its way to become a segment. */
  #state: "absent" | "ready" | "taken";
  /** The one piece of work on the spare file that is under way; never rejects. */
  #work: Promise<void> | null = null;

  private constructor(files: Files, directory: string, bytes: number) {
    this.#files = files;
    this.#directory = directory;
    this.#bytes = bytes;
    this.#path = join(directory, SPARE_NAME);
    this.#state = "absent";
  }

  /** Takes over a spare of the right size that an earlier process left; removes any other. */
  static async open(files: Files, directory: string, bytes: number): Promise<Spare> {
    const spare = new Spare(files, directory, bytes);
    if (!(await files.exists(spare.#path))) return spare;
    const file = await files.open(spare.#path, "read");
    const size = await file.size();
    await file.close();
    if (size === bytes) spare.#state = "ready";
    else await files.remove(spare.#path);
    return spare;
  }

  /** Whether the next segment's room on disk is already reserved. */
  get ready(): boolean {
    return this.#state === "ready";
  }

  /**
   * Path of a filled file, which is the caller's from now on; makes it if there is none. Until the
   * caller has given it another name and says so with `renamed`, nothing else may take this one.
   */
  async take(): Promise<string> {
    // Not by `settle`: between its end and the next line other work could begin.
    while (this.#work !== null) await this.#work;
    const isReady = this.#state === "ready";
    this.#state = "taken";
    if (!isReady) await this.#fill();
    return this.#path;
  }

  /** The file that was taken has another name now. */
  renamed(): void {
    this.#state = "absent";
  }

  /** Begins to make a spare in the background. A failure leaves none, and `take` tries again. */
  prepare(): void {
    if (this.#state !== "absent" || this.#work !== null) return;
    this.#begin(async () => {
      await this.#fill();
      this.#state = "ready";
    });
  }

  /** Makes a segment file that nobody needs any more the spare; false if the name is in use. */
  async recycle(path: string): Promise<boolean> {
    if (this.#state !== "absent" || this.#work !== null) return false;
    const renamed = this.#rename(path);
    this.#begin(() => renamed);
    await renamed;
    await this.settle();
    return true;
  }

  /** Resolves when no work on the spare is under way. */
  async settle(): Promise<void> {
    while (this.#work !== null) await this.#work;
  }

  async #rename(path: string): Promise<void> {
    await this.#files.rename(path, this.#path);
    // Until the rename is durable a crash can bring the segment back under its old name, so
    // nothing may be written into the file before.
    await this.#files.syncDirectory(this.#directory);
    this.#state = "ready";
  }

  #begin(work: () => Promise<void>): void {
    this.#work = work()
      .catch(() => this.#discard())
      .finally(() => {
        this.#work = null;
      });
  }

  async #fill(): Promise<void> {
    await this.#files.remove(this.#path);
    const file = await this.#files.open(this.#path, "create");
    try {
      const step = new Uint8Array(Math.min(FILL_STEP_BYTES, this.#bytes));
      for (let at = 0; at < this.#bytes; at += step.length) {
        await file.write(at, step.subarray(0, Math.min(step.length, this.#bytes - at)));
        await file.sync();
      }
    } finally {
      await file.close();
    }
  }

  /** A spare that could not be filled is no use; `take` removes it if even this fails. */
  async #discard(): Promise<void> {
    try {
      await this.#files.remove(this.#path);
    } catch {
      this.#state = "absent";
    }
  }
}
