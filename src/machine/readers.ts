/**
 * Who answers queries: readers in threads of their own, so that a long query holds up nothing, and one
 * in this thread for transactions whose queries are short: those are done before a message had woken
 * another thread.
 *
 *   "new" ──short, and there is room──► a view here ──a query that may be long──► LongQueryError
 *     └────────── otherwise ──────────► a view in a thread, for any query
 *   "newForAny" ──────────────────────► a view in a thread
 */
import { NEAR_VIEWS_MAX, READER_CLOSE_MS_MAX } from "../base/limits.ts";
import { MachineError } from "./machine-error.ts";
import type { MachineThread } from "./machine-thread.ts";
import type { Reader } from "./reader.ts";
import {
  type DatabaseId,
  LongQueryError,
  type ReadPage,
  type ReadRequest,
} from "./state-machine.ts";
import type { Stop } from "./stop.ts";
import type { ReaderCalls } from "./worker-protocol.ts";

/** A thread and the reader here as far as they are used. */
export type ReaderThread = Pick<
  MachineThread<ReaderCalls>,
  "call" | "callUntil" | "end" | "waiting"
>;
export type NearReader = Pick<
  Reader,
  "readIfShort" | "viewCount" | "readMore" | "closeCursor" | "closeView" | "forget" | "closeFiles"
>;

/** A view that took longer to open than this (a new connection, a schema that was changed) is followed by a rest … */
const OPENING_MS_MAX = 2;
/** … of so many times as long, during which views are opened in threads: nothing else runs here meanwhile. */
const REST_FACTOR = 10;

export class Readers {
  readonly #threads: readonly ReaderThread[];
  readonly #near: NearReader;
  readonly #nowMs: () => number;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  /** `nowMs`: milliseconds of any beginning, never back. */
  constructor(threads: readonly ReaderThread[], near: NearReader, nowMs: () => number) {
    this.#threads = threads;
    this.#near = near;
    this.#nowMs = nowMs;
  }

  /** See StateMachine.read. */
  async read(request: ReadRequest, stop: Stop): Promise<ReadPage> {
    const { inTransaction } = request;
    if (inTransaction === undefined) return this.#readInThread(this.#idlest(), request, stop);
    const { view } = inTransaction;
    if (typeof view === "number") return this.#readInView(request, view, stop);
    const here = view === "new" ? this.#openHere(request, stop) : null;
    return here ?? this.#readInThread(this.#idlest(), request, stop);
  }

  /** See StateMachine.readMore. */
  async readMore(cursor: number, rows: number, stop: Stop): Promise<ReadPage> {
    const { index, local } = this.#located(cursor);
    const thread = this.#threads[index];
    if (thread === undefined) return this.#withGlobalIds(this.#near.readMore(local, rows), index);
    return this.#withGlobalIds(await thread.callUntil(stop, "readMore", local, rows), index);
  }

  /** See StateMachine.closeCursor. */
  closeCursor(cursor: number): void {
    const { index, local } = this.#located(cursor);
    const thread = this.#threads[index];
    if (thread === undefined) this.#near.closeCursor(local);
    else this.#tell(thread.call("closeCursor", local));
  }

  /** See StateMachine.closeView. */
  closeView(view: number): void {
    const { index, local } = this.#located(view);
    const thread = this.#threads[index];
    if (thread === undefined) this.#near.closeView(local);
    else this.#tell(thread.call("closeView", local));
  }

  /** A database is gone. */
  forget(database: DatabaseId): void {
    this.#near.forget(database);
    for (const thread of this.#threads) this.#tell(thread.call("forget", database));
  }

  /** Closes all files; they are opened again when the next query needs them. Rejects if a query does not end. */
  async closeFiles(): Promise<void> {
    this.#near.closeFiles();
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new MachineError("a query that does not end holds the files")),
        READER_CLOSE_MS_MAX,
      );
    });
    const closed = Promise.all(this.#threads.map((thread) => thread.call("closeFiles")));
    await Promise.race([closed, tooLong]).finally(() => clearTimeout(timer));
  }

  /** Ends the threads; false: one of them is inside a query that does not end. */
  async end(): Promise<boolean> {
    this.#near.closeFiles();
    const ended = await Promise.all(this.#threads.map((thread) => thread.end(READER_CLOSE_MS_MAX)));
    return !ended.includes(false);
  }

  async #readInView(request: ReadRequest, view: number, stop: Stop): Promise<ReadPage> {
    const { index, local } = this.#located(view);
    if (this.#threads[index] !== undefined) {
      return this.#readInThread(index, inView(request, local), stop);
    }
    const page = this.#readHere(inView(request, local), stop);
    if (page === null) throw new LongQueryError("the query may take long");
    return page;
  }

  #openHere(request: ReadRequest, stop: Stop): ReadPage | null {
    const beganMs = this.#nowMs();
    if (this.#near.viewCount >= NEAR_VIEWS_MAX || beganMs < this.#restsUntilMs) return null;
    try {
      return this.#readHere(request, stop);
    } finally {
      const tookMs = this.#nowMs() - beganMs;
      if (tookMs > OPENING_MS_MAX) this.#restsUntilMs = beganMs + tookMs * REST_FACTOR;
    }
  }

  #readHere(request: ReadRequest, stop: Stop): ReadPage | null {
    const { inTransaction, usesSystemRelations } = request;
    if (inTransaction === undefined || usesSystemRelations) return null;
    stop.check();
    const page = this.#near.readIfShort(request, inTransaction);
    return page === null ? null : this.#withGlobalIds(page, this.#threads.length);
  }

  async #readInThread(index: number, request: ReadRequest, stop: Stop): Promise<ReadPage> {
    const page = await this.#thread(index).callUntil(stop, "read", request);
    return this.#withGlobalIds(page, index);
  }

  #idlest(): number {
    let best = 0;
    for (const [index, { waiting }] of this.#threads.entries()) {
      if (waiting < this.#thread(best).waiting) best = index;
    }
    return best;
  }

  #thread(index: number): ReaderThread {
    const thread = this.#threads[index];
    if (thread === undefined) throw new RangeError(`no reader ${index}`);
    return thread;
  }

  /** Cursors and views are numbered by each reader; outside, the reader is part of the number. The one here comes last. */
  #located(id: number): { readonly index: number; readonly local: number } {
    const count = this.#threads.length + 1;
    return { index: id % count, local: Math.floor(id / count) };
  }

  #withGlobalIds(local: ReadPage, index: number): ReadPage {
    const { cursor, view } = local;
    const global = (id: number): number => id * (this.#threads.length + 1) + index;
    const page = { ...local, cursor: cursor === null ? null : global(cursor) };
    return view === undefined ? page : { ...page, view: global(view) };
  }

  #tell(told: Promise<void>): void {
    told.catch(() => {
      // The reader is gone, and what it held with it; its failure was reported.
    });
  }
}

function inView(request: ReadRequest, view: number): ReadRequest {
  const { inTransaction } = request;
  return inTransaction === undefined
    ? request
    : { ...request, inTransaction: { ...inTransaction, view } };
}
