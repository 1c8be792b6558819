/**
 * Ids of transactions whose clients asked for one, and what became of them, as part of the
 * replicated state: a client that lost its connection while it waited for COMMIT asks any node.
 *
 * | id                                               | its transaction            |
 * | has a row in _synod_transactions                 | committed or aborted       |
 * | in a block whose gateway session is open         | in progress                |
 * | in a block whose gateway session is closed       | aborted: it can never commit |
 */
import { TRANSACTION_STATUSES_MAX } from "../base/limits.ts";
import type { Connection, Statement } from "./connection.ts";

export const TRANSACTION_TABLES = `
  CREATE TABLE IF NOT EXISTS _synod_transactions (xid INTEGER PRIMARY KEY, status TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS _synod_xid_blocks (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, session INTEGER NOT NULL
  );`;

/** PostgreSQL's first normal id is 3. */
const FIRST_XID = 3n;

export class TransactionIds {
  readonly #insertBlock: Statement;
  readonly #last: Statement;
  readonly #session: Statement;
  readonly #status: Statement;
  readonly #record: Statement;
  readonly #trim: Statement;
  readonly #trimBlocks: Statement;

  constructor(connection: Connection) {
    const prepare = (sql: string): Statement => connection.prepare<unknown[]>(sql);
    this.#insertBlock = prepare("INSERT INTO _synod_xid_blocks VALUES (?, ?, ?)");
    this.#last = prepare("SELECT max(last) FROM _synod_xid_blocks").pluck(true);
    this.#session = prepare(
      "SELECT session FROM _synod_xid_blocks WHERE first <= ? AND last >= ?",
    ).pluck(true);
    this.#status = prepare("SELECT status FROM _synod_transactions WHERE xid = ?").pluck(true);
    this.#record = prepare("INSERT OR REPLACE INTO _synod_transactions VALUES (?, ?)");
    this.#trim = prepare("DELETE FROM _synod_transactions WHERE xid < ?");
    this.#trimBlocks = prepare("DELETE FROM _synod_xid_blocks WHERE last < ?");
  }

  /** `count` ids for a gateway's session; answers the first. Inside the file's transaction. */
  reserve(count: number, session: number): bigint {
    const last = this.#last.get() as bigint | null;
    const first = last === null ? FIRST_XID : last + 1n;
    this.#insertBlock.run(first, first + BigInt(count) - 1n, BigInt(session));
    // What is asked for is recent; PostgreSQL forgets old ids as well.
    const oldest = first - BigInt(TRANSACTION_STATUSES_MAX);
    this.#trim.run(oldest);
    this.#trimBlocks.run(oldest);
    return first;
  }

  /**
   * Whether nothing is known yet of a transaction of `session`. Not so of an id that was given to
   * another one, never, or long ago.
   */
  isOpen(xid: number, session: number): boolean {
    const owner = this.#session.get(BigInt(xid), BigInt(xid)) as bigint | undefined;
    return owner === BigInt(session) && this.#status.get(BigInt(xid)) === undefined;
  }

  /** What became of a transaction: final. Inside the file's transaction. */
  record(xid: number, status: "committed" | "aborted"): void {
    this.#record.run(BigInt(xid), status);
  }
}
