import { STATEMENTS_PER_CLIENT_MAX } from "../base/limits.ts";
import type { PreparedStatement } from "./database.ts";
import { SqlError } from "./errors.ts";
import { momentOfMicros } from "./functions/date-time-functions.ts";
import { formatMoment } from "./types/datetime/calendar.ts";

/**
 * The prepared statements of one session by their names, which the protocol's Parse and PREPARE share.
 * The empty name is the protocol's unnamed statement. Transactions do not matter to them.
 */
export class PreparedStatements {
  readonly #statements = new Map<string, PreparedStatement>();

  /** Undefined if there is none. */
  find(name: string): PreparedStatement | undefined {
    return this.#statements.get(name);
  }

  /** Throws SqlError 26000 if there is none. */
  get(name: string): PreparedStatement {
    const statement = this.#statements.get(name);
    if (statement !== undefined) return statement;
    throw new SqlError(
      "26000",
      name === ""
        ? "unnamed prepared statement does not exist"
        : `prepared statement "${name}" does not exist`,
    );
  }

  /** Throws SqlError 42P05 for a name that is taken (the empty one never is), 54000 if there are too many. */
  refuse(name: string): void {
    if (name !== "" && this.#statements.has(name)) {
      throw new SqlError("42P05", `prepared statement "${name}" already exists`);
    }
    if (this.#statements.size >= STATEMENTS_PER_CLIENT_MAX) {
      throw new SqlError(
        "54000",
        `too many prepared statements: the limit is ${STATEMENTS_PER_CLIENT_MAX}`,
      );
    }
  }

  /** Throws as `refuse`. */
  add(name: string, statement: PreparedStatement): void {
    this.refuse(name);
    this.#statements.set(name, statement);
  }

  /**
   * Those of pg_prepared_statements, where the unnamed one is none: a JSON array of rows in storage form.
   * There are no plans to be counted.
   */
  asRows(): string {
    const named = [...this.#statements].filter(([name]) => name !== "");
    return JSON.stringify(
      named.map(([name, { text, parameterTypes, origin }]) => [
        name,
        text,
        origin === undefined ? null : formatMoment(momentOfMicros(origin.micros)),
        parameterTypes,
        origin?.fromSql === true ? 1 : 0,
        0,
        0,
      ]),
    );
  }

  /** Close: one that is not there is closed already. */
  forget(name: string): void {
    this.#statements.delete(name);
  }

  /** DEALLOCATE. Throws SqlError 26000 if there is none. */
  deallocate(name: string): void {
    this.get(name);
    this.forget(name);
  }

  /** DEALLOCATE ALL, DISCARD ALL: the unnamed one is the protocol's, and stays. */
  clear(): void {
    const unnamed = this.find("");
    this.#statements.clear();
    if (unnamed !== undefined) this.#statements.set("", unnamed);
  }
}
