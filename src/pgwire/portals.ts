/**
 * The portals of one client, by name; those that DECLARE made among them.
 *
 * Portals are closed by Close, by a Bind to the same name (the unnamed one only), by an error while
 * they run, and with the transaction. ROLLBACK TO closes those that were opened behind its savepoint:
 * in PostgreSQL they belong to the subtransaction that is undone.
 *
 *   SAVEPOINT a │ DECLARE c, d │ SAVEPOINT b │ DECLARE e │ RELEASE b │ ROLLBACK TO a: c, d and e are closed
 */
import type { PreparedStatement, RowSource, RowsResult, SavepointUse } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { TextSettings } from "../sql/types/pg-type.ts";
import type { SqliteValue } from "../sql/values.ts";
import { PORTALS_PER_CLIENT_MAX } from "./limits.ts";
import { RowEncoder, resultFormats } from "./values.ts";

export interface Portal {
  readonly statement: PreparedStatement;
  readonly parameters: readonly SqliteValue[];
  readonly formatCodes: readonly number[];
  state: PortalState;
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
  /** An error has ended it. */
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

  /** One that hands out rows, or has done so. Throws SqlError 34000 if there is none, 55000 if it failed. */
  cursor(name: string): Portal {
    const portal = this.find(name);
    if (portal?.state.kind === "failed") throw cannotRun(name);
    if (portal?.state.kind === "rows" || portal?.state.kind === "ended") return portal;
    throw new SqlError("34000", `cursor "${name}" does not exist`);
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
      this.open(name, { statement, parameters: [], formatCodes: [], state });
    } catch (error) {
      rows.close();
      throw error;
    }
  }

  close(name: string): void {
    const state = this.find(name)?.state;
    if (state?.kind === "rows") state.rows.close();
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
