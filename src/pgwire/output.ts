/** The way to the client: messages are gathered and sent, and results never outrun the client. */
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { Notice, RowSource } from "../sql/database.ts";
import type { SqliteValue } from "../sql/values.ts";
import { BackendWriter } from "./backend.ts";
import { OUTPUT_CHUNK_BYTES, ROWS_IN_FIRST_PAGE, ROWS_PER_PAGE_MAX } from "./limits.ts";

/** The connection, as the session sees it. */
export interface Wire {
  /** Resolves once the client takes more; rejects with, or throws, ConnectionLost when it has gone. */
  write(bytes: Uint8Array): MaybePromise<void>;
}

/** The client has gone; nobody is left to tell. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

export class ClientOutput {
  readonly writer = new BackendWriter();
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Sends all that was written. */
  flush(): MaybePromise<void> {
    if (this.writer.length > 0) return this.#wire.write(this.writer.take());
  }

  notices(notices: readonly Notice[] = []): void {
    for (const notice of notices) this.writer.noticeResponse(notice);
  }

  /**
   * Sends rows in that form until the source has no more or `limit` (0: none) is reached.
   * Pages are sized so that one holds about OUTPUT_CHUNK_BYTES: a giant result is never in memory.
   */
  async rows(source: RowSource, form: RowForm, limit: number): Promise<RowsSent> {
    let count = 0;
    let pageRows = ROWS_IN_FIRST_PAGE;
    for (;;) {
      const wanted = limit > 0 ? Math.min(pageRows, limit - count) : pageRows;
      if (wanted === 0) return { count, exhausted: false };
      const page = await source.next(wanted);
      if (page.length === 0) return { count, exhausted: true };
      let pageBytes = 0;
      for (const row of page) {
        const before = this.writer.length;
        form.write(this.writer, row);
        pageBytes += this.writer.length - before;
        if (this.writer.length >= OUTPUT_CHUNK_BYTES) await this.flush();
      }
      count += page.length;
      const fitting = Math.floor((OUTPUT_CHUNK_BYTES * page.length) / pageBytes);
      pageRows = Math.max(1, Math.min(fitting, pageRows * 2, ROWS_PER_PAGE_MAX));
    }
  }
}

/** What a row is as a message. */
export interface RowForm {
  write(writer: BackendWriter, row: readonly SqliteValue[]): void;
}

export interface RowsSent {
  readonly count: number;
  /** The source has no more; it need not be closed. */
  readonly exhausted: boolean;
}
