/**
 * Who writes the files: this thread, or a thread of its own. What is surely done in a moment
 * (program.ts), as most statements are, runs here: it is done before a message had woken the other
 * thread. Everything else runs there, so that neither consensus nor any client waits for it.
 *
 *        ┌──────────── something that may be long ────────────┐
 *        │                                                     ▼
 *      here                                                  there
 *        ▲                                                     │
 *        └── nothing under way, nothing long for QUIET_MS ─────┘
 *
 * At each change one machine hands the files over to the other (Machine.handOver, takeOver); there is
 * never more than one that writes. Transactions that are being tried are forgotten then, and looked
 * at anew when their next statement comes ("notOpen").
 */

import { AssertionError } from "../base/assert.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { systemRandom } from "../base/random.ts";
import { SqlError } from "../sql/errors.ts";
import type { HandedFiles, Measured } from "./handed-files.ts";
import type { Machine } from "./machine.ts";
import { MachineError } from "./machine-error.ts";
import type { MachineThread } from "./machine-thread.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import type {
  AppliedEntry,
  ApplyReport,
  DatabaseId,
  MachineState,
  ReadPage,
  ReadRequest,
} from "./state-machine.ts";
import type { Stop } from "./stop.ts";
import { packEntries, type WriterCalls } from "./worker-protocol.ts";

/** The thread as far as the writer uses it. */
export type WriterThread = Pick<
  MachineThread<WriterCalls>,
  "call" | "callUntil" | "callTransferring" | "end" | "waiting"
>;

export interface WriterParts {
  readonly thread: WriterThread;
  /** The machine of this thread; its files are not open yet. */
  readonly near: Machine;
  /** Milliseconds of any beginning, never back. */
  readonly nowMs: () => number;
  /** The files cannot be written any more, and no call may be there to be rejected. */
  readonly onFailure: (error: MachineError) => void;
}

/** How long nothing long has been asked for until the files come back here. */
const QUIET_MS = 100;

/** What nobody reads is committed so long after it was applied, at the latest. */
const PUBLISH_MS = 50;

const SEED_BYTES = 16;

/** Pages in a -wal at which they are moved into its file, as SQLite's own default for a connection. */
const TIDY_PAGES = 4000;
const TIDY_COMMITS_MAX = 4096;

export class Writer {
  readonly #thread: WriterThread;
  readonly #near: Machine;
  readonly #nowMs: () => number;
  readonly #onFailure: (error: MachineError) => void;
  #isHere = false;
  /** Calls go on when this has come: the files are on their way here. */
  #coming: Promise<void> | null = null;
  #lastLongMs = Number.NEGATIVE_INFINITY;
  #commits = 0;
  /** Commits after which there are about TIDY_PAGES pages. */
  #tidyAfter = 16;
  #isTidying = false;
  #isEnding = false;
  #publishTimer: NodeJS.Timeout | null = null;

  constructor({ thread, near, nowMs, onFailure }: WriterParts) {
    this.#thread = thread;
    this.#near = near;
    this.#nowMs = nowMs;
    this.#onFailure = onFailure;
  }

  open(): Promise<MachineState> {
    return this.#thread.call("open");
  }

  /** See StateMachine.apply. */
  apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    return this.#run(
      () => {
        const report = this.#near.applyIfShort(entries);
        if (report !== null) this.#applied();
        return report;
      },
      () => this.#measured(this.#thread.callTransferring("apply", packEntries(entries))),
    );
  }

  /** See StateMachine.speculate. */
  speculate(request: SpeculationRequest, stop: Stop): MaybePromise<SpeculationResult> {
    return this.#atOnceOr(
      () => {
        stop.check();
        return this.#orEnds(() => this.#near.speculateIfShort(request));
      },
      () =>
        this.#measured(this.#thread.callUntil(stop, "speculate", request)).catch(
          (error: unknown) => {
            throw this.#ending(error);
          },
        ),
    );
  }

  /** See StateMachine.endTransaction. */
  async endTransaction(database: DatabaseId, transaction: number): Promise<void> {
    await this.#run(
      () => {
        this.#near.endTransaction(database, transaction);
        return true;
      },
      () => this.#thread.call("endTransaction", database, transaction).then(() => true),
    );
  }

  /** The applied slot, once everything asked before is done. */
  appliedIndex(): Promise<number> {
    return this.#run(
      () => {
        this.#near.publish();
        return this.#near.appliedIndex;
      },
      () => this.#thread.call("appliedIndex"),
    );
  }

  /** The page that a reader would answer with, if it can be had here at once; else null. */
  readHere(request: ReadRequest): ReadPage | null {
    if (!this.#isHere) return null;
    const seed = systemRandom.bytes(SEED_BYTES);
    const rows = this.#orEnds(() => this.#near.readIfShort(request, seed));
    return rows === null ? null : { rows, cursor: null };
  }

  /** Makes everything that was applied here visible to other connections: readers are about to look. */
  publish(): void {
    if (this.#isHere) this.#orEnds(() => this.#near.publish());
  }

  /** See StateMachine.checkpoint. */
  checkpoint(): Promise<number> {
    return this.#there(() => this.#thread.call("checkpoint"));
  }

  /** See StateMachine.restore. */
  restore(directory: string, files: readonly string[]): Promise<MachineState> {
    return this.#there(() => {
      // The last to close an SQLite file removes its -wal by name: that would be the new file's.
      this.#near.closeFiles();
      return this.#thread.call("restore", directory, files);
    });
  }

  /** Closes the files, durable unless the machine here has failed, and ends the thread; see MachineThread.end. */
  async end(waitMs: number): Promise<boolean> {
    this.#isEnding = true;
    await this.#arrived();
    if (this.#publishTimer !== null) clearTimeout(this.#publishTimer);
    try {
      if (this.#isHere) this.#leave();
    } catch {
      // What was not committed here is in the log, and the thread leaves the files as they are.
    }
    this.#near.closeFiles();
    return this.#thread.end(waitMs);
  }

  /** As `#atOnceOr`, for whoever waits in any case. */
  async #run<Result>(near: () => Result | null, far: () => Promise<Result>): Promise<Result> {
    return this.#atOnceOr(near, far);
  }

  /** Runs a call here if it can be, `near` answers null if not, and otherwise there. In the order of the calls. */
  #atOnceOr<Result>(near: () => Result | null, far: () => Promise<Result>): MaybePromise<Result> {
    if (!this.#isHere && this.#coming === null && this.#mayCome()) this.#coming = this.#come();
    if (this.#coming !== null) return this.#arrived().then(() => this.#atOnceOr(near, far));
    if (!this.#isHere) return far();
    const result = near();
    if (result !== null) return result;
    this.#leave();
    return far();
  }

  async #there<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#coming !== null) await this.#arrived();
    if (this.#isHere) this.#leave();
    return work();
  }

  async #arrived(): Promise<void> {
    while (this.#coming !== null) await this.#coming;
  }

  #mayCome(): boolean {
    return this.#thread.waiting === 0 && this.#nowMs() - this.#lastLongMs > QUIET_MS;
  }

  /** Never rejects: where the files cannot be opened here they stay there, and a thread that is gone fails what comes. */
  async #come(): Promise<void> {
    const handed = await this.#thread.call("handOver").catch(() => null);
    this.#coming = null;
    if (handed === null) return this.#stayThere();
    try {
      this.#near.takeOver(handed);
      this.#isHere = true;
    } catch {
      this.#near.closeFiles();
      this.#giveBack(handed);
      this.#stayThere();
    }
  }

  /** For ever: they were asked for, and could not be had. */
  #stayThere(): void {
    this.#lastLongMs = Number.POSITIVE_INFINITY;
  }

  /**
   * Throws if the machine here has failed. Then the files stay here for good: the other would go on
   * writing from where it stopped itself.
   */
  #leave(): void {
    const handed = this.#near.handOver();
    this.#isHere = false;
    this.#lastLongMs = Math.max(this.#lastLongMs, this.#nowMs());
    this.#giveBack(handed);
  }

  #giveBack(handed: HandedFiles): void {
    this.#thread.call("takeOver", handed).catch(() => {
      // The thread is gone; the calls that follow say so.
    });
  }

  async #measured<Result>(call: Promise<Measured<Result>>): Promise<Result> {
    const { result, wasShort } = await call;
    if (!wasShort) this.#lastLongMs = Math.max(this.#lastLongMs, this.#nowMs());
    return result;
  }

  #applied(): void {
    this.#publishTimer ??= setTimeout(() => {
      this.#publishTimer = null;
      try {
        this.publish();
        this.#tidy();
      } catch {
        // It was reported.
      }
    }, PUBLISH_MS).unref();
  }

  /** What is in the -wal has to go into the files now and then: with two syncs, so the thread does it. */
  #tidy(): void {
    this.#commits += 1;
    if (this.#commits < this.#tidyAfter || this.#isTidying) return;
    const commits = this.#commits;
    this.#commits = 0;
    this.#isTidying = true;
    this.#thread.call("tidy").then(
      (pages) => {
        this.#isTidying = false;
        const wanted = Math.round((TIDY_PAGES * commits) / Math.max(1, pages));
        this.#tidyAfter = Math.min(TIDY_COMMITS_MAX, Math.max(commits / 2, wanted, 1));
      },
      (error: unknown) => this.#report(error),
    );
  }

  /** Throws 57P01 where the files cannot be used any more: for that client nothing has happened. */
  #orEnds<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw this.#ending(error);
    }
  }

  #ending(error: unknown): unknown {
    if (!(error instanceof MachineError || error instanceof AssertionError)) return error;
    this.#report(error);
    return new SqlError("57P01", "this node cannot use its files any more and ends", {
      hint: "Connect to another node.",
    });
  }

  #report(error: unknown): void {
    if (this.#isEnding) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onFailure(
      error instanceof MachineError ? error : new MachineError(reason, { cause: error }),
    );
  }
}
