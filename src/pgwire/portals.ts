/**
 * The portals of one client, by name; those that DECLARE made among them.
 *
 * Portals are closed by Close, by a Bind to the same name (the unnamed one only), by a simple query (the
 * unnamed one), by an error while they run, and with the transaction. ROLLBACK TO closes those that were opened behind its savepoint:
 * in PostgreSQL they belong to the subtransaction that is undone.
 *
 *   SAVEPOINT a │ DECLARE c, d │ SAVEPOINT b │ DECLARE e │ RELEASE b │ ROLLBACK TO a: c, d and e are closed
 */
import type { PreparedStatement, RowSource, RowsResult, SavepointUse } from "../sql/database.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { TextSettings } from "../sql/types/pg-type.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { FetchedRows } from "./fetched-rows.ts";
import { PORTALS_PER_CLIENT_MAX } from "./limits.ts";
import { RowEncoder, resultFormats } from "./values.ts";

export interface Portal {
  readonly statement: PreparedStatement;
  readonly parameters: readonly SqliteValue[];
  readonly formatCodes: readonly number[];
  /** Bound in a block that has failed, which lets it run: COMMIT, ROLLBACK. */
  readonly leavesFailure: boolean;
  state: PortalState;
  /** The last FETCH from it, of which rows may be left. */
  fetched: FetchedRows | null;
}

export type PortalState =
  | { readonly kind: "bound" }
  | {
      readonly kind: "rows";
      readonly rows: RowSource;
      readonly encoder: RowEncoder;
      readonly result: RowsResult;
    }
  | { readonly kind: "ended"; readonly result: RowsResult }
  | { readonly kind: "ran" }
  /** An error has ended it, or it was closed. */
  | { readonly kind: "failed" };

interface Opened {
  readonly portal: Portal;
  /** Those that are opened later have higher ones. */
  readonly number: number;
}

export class Portals {
  readonly #portals = new Map<string, Opened>();
  #opened = 0;
  /** By the savepoint's level: how many had been opened when it was made. Absent: all came later. */
  readonly #openedBefore = new Map<number, number>();

  /** Undefined if there is none. */
  find(name: string): Portal | undefined {
    return this.#portals.get(name)?.portal;
  }

  /** Throws SqlError 34000 if there is none. */
  get(name: string): Portal {
    const portal = this.find(name);
    if (portal === undefined) throw new SqlError("34000", `portal "${name}" does not exist`);
    return portal;
  }

  /** By the name of a cursor. Throws SqlError 34000 if there is none. */
  named(name: string): Portal {
    const portal = this.find(name);
    if (portal === undefined) throw new SqlError("34000", `cursor "${name}" does not exist`);
    return portal;
  }

  /**
   * One that hands out rows, or has done so. Throws SqlError 34000 if there is none, 55000 if it failed or
   * has no rows, 0A000 if it has not begun.
   */
  cursor(name: string): Portal {
    const portal = this.named(name);
    const { kind } = portal.state;
    if (kind === "rows" || kind === "ended") return portal;
    if (kind === "bound" && portal.statement.columns !== null) {
      throw notSupported("FETCH or MOVE from a portal before its first Execute");
    }
    throw cannotRun(name);
  }

  /** Bind. Throws SqlError 42P03 for a name that is taken, 54000 if there are too many. */
  refuse(name: string): void {
    if (name === "") this.close(name);
    if (this.#portals.has(name)) {
      throw new SqlError("42P03", `cursor "${name}" already exists`);
    }
    if (this.#portals.size >= PORTALS_PER_CLIENT_MAX) {
      throw new SqlError("54000", `too many portals: the limit is ${PORTALS_PER_CLIENT_MAX}`);
    }
  }

  /** To be asked by `refuse` before. */
  open(name: string, portal: Portal): void {
    this.#opened += 1;
    this.#portals.set(name, { portal, number: this.#opened });
  }

  /** DECLARE. Throws as `refuse`, and frees the rows then. */
  declare(name: string, result: RowsResult, settings: TextSettings): void {
    const { columns, rows } = result;
    try {
      this.refuse(name);
      const encoder = new RowEncoder(columns, resultFormats([], columns.length), settings);
      const statement = { text: "", parameterTypes: [], columns };
      const state = { kind: "rows", rows, encoder, result } as const;
      const cursor = { statement, parameters: [], formatCodes: [], leavesFailure: false, state };
      this.open(name, { ...cursor, fetched: null });
    } catch (error) {
      rows.close();
      throw error;
    }
  }

  close(name: string): void {
    const portal = this.find(name);
    if (portal === undefined) return;
    end(portal);
    this.#portals.delete(name);
  }

  /** The transaction has ended, or the session; or it was CLOSE ALL. */
  closeAll(): void {
    for (const name of this.#portals.keys()) this.close(name);
    this.#openedBefore.clear();
  }

  /** SAVEPOINT and ROLLBACK TO. RELEASE leaves all as it is. */
  atSavepoint({ action, level }: SavepointUse): void {
    if (action === "made") {
      this.#openedBefore.set(level, this.#opened);
      return;
    }
    const before = this.#openedBefore.get(level) ?? 0;
    for (const [name, { number }] of this.#portals) {
      if (number > before) this.close(name);
    }
  }
}

/** The error (55000) for a portal that has run. */
export function cannotRun(name: string): SqlError {
  return new SqlError("55000", `portal "${name}" cannot be run`);
}

/** The columns of what has run, or is to run. Null: no rows. */
export function columnsIn({ state, statement }: Portal): PreparedStatement["columns"] {
  return state.kind === "rows" || state.kind === "ended" ? state.result.columns : statement.columns;
}

/**
 * The next rows of a cursor. One that has met an error is of no more use, also where ROLLBACK TO brings
 * its transaction back. Throws SqlError 55000 for such a one, or what the rows throw.
 */
export async function takeRows(
  cursor: Portal,
  name: string,
  limit: number,
): Promise<readonly (readonly SqliteValue[])[]> {
  const { state } = cursor;
  if (state.kind === "ended") return [];
  if (state.kind !== "rows") throw cannotRun(name);
  try {
    const page = await state.rows.next(limit);
    if (page.length === 0) cursor.state = { kind: "ended", result: state.result };
    return page;
  } catch (error) {
    end(cursor);
    throw error;
  }
}

function end(portal: Portal): void {
  if (portal.state.kind === "rows") portal.state.rows.close();
  portal.state = { kind: "failed" };
}
