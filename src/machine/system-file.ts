/** The file that says which databases there are; and the commands that change that. */
import { DATABASES_MAX } from "../base/limits.ts";
import { SqlError } from "../sql/errors.ts";
import type { DatabaseCommand } from "./command.ts";
import { type Durability, openWriter } from "./connection.ts";
import { keptForm, SESSION_TABLES, type SessionRow } from "./dedupe.ts";
import { MachineError } from "./machine-error.ts";
import {
  createState,
  endOfSlot,
  FORMAT_VERSION,
  type PlacedCommand,
  readStateNumber,
  StateFile,
} from "./state-file.ts";
import type { DatabaseId, DatabaseInfo, Outcome } from "./state-machine.ts";

/** The database that every cluster begins with. */
export const FIRST_DATABASE: DatabaseInfo = { id: 1, name: "synod" };

export class SystemFile {
  readonly state: StateFile;
  readonly #names = new Map<DatabaseId, string>();

  constructor(path: string, durability: Durability) {
    const connection = openWriter(path, durability);
    this.state = new StateFile(connection, durability);
    const format = readStateNumber(connection, "format", 0);
    if (format !== FORMAT_VERSION) {
      connection.close();
      throw new MachineError(
        `the files have format ${format}, this version reads ${FORMAT_VERSION}`,
      );
    }
    this.#readNames();
  }

  /** Another connection may have changed the file since this one looked at it last. */
  refresh(): void {
    this.state.refresh();
    this.#readNames();
  }

  /** By id. */
  get databases(): readonly DatabaseInfo[] {
    return [...this.#names].map(([id, name]) => ({ id, name }));
  }

  /** The id of the database called so, or null. */
  find(name: string): DatabaseId | null {
    for (const [id, known] of this.#names) if (known === name) return id;
    return null;
  }

  /** What happened to this command before; null if it is to be run now. */
  earlier(placed: PlacedCommand, command: DatabaseCommand): Outcome | null {
    this.state.begin();
    const earlier = this.state.dedupe.earlier(command.identity);
    if (earlier !== null) this.state.settle(placed, earlier, keptForm(earlier));
    return earlier;
  }

  /** Why the database cannot be created, or null. */
  refusal(name: string): SqlError | null {
    if (this.find(name) !== null) return new SqlError("42P04", `database "${name}" already exists`);
    if (this.#names.size < DATABASES_MAX) return null;
    return new SqlError("53400", `a cluster holds ${DATABASES_MAX} databases at most`);
  }

  add(info: DatabaseInfo): void {
    this.state.connection
      .prepare("INSERT INTO _synod_databases VALUES (?, ?)")
      .run(info.id, info.name);
    this.#names.set(info.id, info.name);
  }

  remove(id: DatabaseId): void {
    this.state.connection.prepare("DELETE FROM _synod_databases WHERE id = ?").run(id);
    this.#names.delete(id);
  }

  /** Remembers what became of a database command. */
  finish(placed: PlacedCommand, command: DatabaseCommand, outcome: Outcome): Outcome {
    const kept = keptForm(outcome);
    this.state.dedupe.record(command.identity, kept);
    this.state.settle(placed, outcome, kept);
    return outcome;
  }

  /** A command for a database that does not exist: nothing to run, but part of what happened. */
  missing(placed: PlacedCommand): Outcome {
    this.state.begin();
    const outcome: Outcome = {
      kind: "failed",
      statement: 0,
      sqlState: "3D000",
      message: "the database does not exist",
      fields: {},
    };
    this.state.settle(placed, outcome, keptForm(outcome));
    return outcome;
  }

  sessions(): Iterable<SessionRow> {
    return this.state.dedupe.rows();
  }

  #readNames(): void {
    this.#names.clear();
    const select = "SELECT id, name FROM _synod_databases ORDER BY id";
    const rows = this.state.connection.prepare(select).raw(true).all();
    for (const [id, name] of rows as [bigint, string][]) this.#names.set(Number(id), name);
  }
}

/** Creates the system file of a machine to which nothing was applied yet. */
export function createSystemFile(path: string, durability: Durability): void {
  const connection = openWriter(path, durability);
  try {
    if (durability === "lazy") connection.pragma("synchronous = FULL");
    connection.exec("BEGIN IMMEDIATE");
    createState(connection, endOfSlot(0));
    connection.exec(SESSION_TABLES);
    connection.exec(
      "CREATE TABLE _synod_databases (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    );
    const insert = connection.prepare<unknown[]>("INSERT INTO _synod_databases VALUES (?, ?)");
    insert.run(FIRST_DATABASE.id, FIRST_DATABASE.name);
    connection.exec("COMMIT");
  } finally {
    connection.close();
  }
}
