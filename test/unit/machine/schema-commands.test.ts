import { describe, expect, test } from "vitest";
import type { CommandStatement } from "../../../src/machine/command.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { ApplyReport, Outcome } from "../../../src/machine/state-machine.ts";
import type { ForeignKeyConstraint, Sequence, Table } from "../../../src/sql/catalog/catalog.ts";
import {
  catalogStep,
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function outcomes(report: ApplyReport): Outcome[] {
  return report.reports.map(({ outcome }) => outcome);
}

/** A machine with an open session that applies one command a slot. */
class Subject {
  readonly gateway = new Gateway();
  readonly #machine = new Machine({
    directory: temporaryDirectory(),
    node: NODE,
    durability: "none",
  });
  #slot = 1;

  constructor() {
    this.#machine.open();
    this.#machine.apply(entries(1, [openSession()]));
  }

  /** The outcomes of commands that come in one slot. */
  run(...commands: CommandStatement[][]): Outcome[] {
    this.#slot += 1;
    const batch = commands.map((statements) => this.gateway.command(statements));
    return outcomes(this.#machine.apply(entries(this.#slot, batch)));
  }

  changed(statement: CommandStatement): ApplyReport["changedDatabases"] {
    this.#slot += 1;
    const command = this.gateway.command([statement]);
    return this.#machine.apply(entries(this.#slot, [command])).changedDatabases;
  }

  close(): void {
    this.#machine.close();
  }
}

const FOREIGN_KEY: ForeignKeyConstraint = {
  kind: "foreignKey",
  oid: 16386,
  name: "child_parent_fkey",
  columns: ["parent"],
  foreignTable: "parent",
  foreignColumns: ["id"],
  onDelete: "noAction",
  onUpdate: "noAction",
  deferrable: true,
  initiallyDeferred: true,
};

const CHILD: Table = {
  kind: "table",
  oid: 16385,
  name: "child",
  columns: [],
  nextColumnNumber: 1,
  constraints: [FOREIGN_KEY],
  rowidColumn: null,
};

const FAMILY = [
  "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
  "CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
];

const SEQUENCE: Sequence = {
  kind: "sequence",
  oid: 16384,
  name: "s",
  typeOid: 20,
  start: 1n,
  increment: 5n,
  minimum: 1n,
  maximum: 20n,
  cycle: false,
  ownedBy: null,
};

describe("schema commands", () => {
  test("the catalog is the stored one, one version higher, and is handed on", () => {
    const subject = new Subject();
    const [changed] = subject.changed(
      schema(catalogStep(SEQUENCE), "UPDATE _synod_state SET value = 16385 WHERE key = 'next_oid'"),
    );
    expect(changed?.catalog).toEqual({
      version: 1,
      nextOid: 16385,
      relations: new Map([["s", SEQUENCE]]),
    });
    subject.close();
  });

  test("a sequence that the log has just made answers inside the next statement", () => {
    const subject = new Subject();
    subject.changed(
      schema(
        catalogStep(SEQUENCE),
        "INSERT INTO _synod_sequences VALUES ('s', 1, 0, 1, 5, 1, 20, 0)",
        "UPDATE _synod_state SET value = 16385 WHERE key = 'next_oid'",
      ),
    );
    const next = returning(`SELECT pg_nextval(${SEQUENCE.oid})`);
    expect(subject.run([next, next])).toMatchObject([
      { kind: "done", results: [{ rows: [[1n]] }, { rows: [[6n]] }] },
    ]);
    subject.close();
  });

  test("a schema statement that fails leaves tables, catalog and version as they were", () => {
    const subject = new Subject();
    const [failed] = subject.run([
      schema("CREATE TABLE a (x)", catalogStep(SEQUENCE)),
      schema("CREATE TABLE a (x)"),
    ]);
    expect(failed).toMatchObject({ kind: "failed", statement: 1 });
    subject.gateway.version = 0;
    const [state] = subject.run([
      returning("SELECT count(*) FROM _synod_catalog"),
      returning("SELECT count(*) FROM sqlite_schema WHERE name = 'a'"),
    ]);
    expect(state).toMatchObject({ results: [{ rows: [[0n]] }, { rows: [[0n]] }] });
    subject.close();
  });

  test("a rebuilt table keeps those that refer to it, and a row without its parent is 23503", () => {
    const subject = new Subject();
    const rebuild = (rows: string): CommandStatement => ({
      ...schema(
        "CREATE TABLE renewed (id INTEGER PRIMARY KEY)",
        `INSERT INTO renewed SELECT id FROM parent WHERE ${rows}`,
        "DROP TABLE parent",
        "ALTER TABLE renewed RENAME TO parent",
      ),
      rebuildsTables: true,
    });
    subject.run(
      [schema(...FAMILY, "CREATE VIEW seen AS SELECT id FROM parent", catalogStep(CHILD))],
      [write("INSERT INTO parent VALUES (1), (2)"), write("INSERT INTO child VALUES (2)")],
    );
    expect(subject.run([rebuild("true")])).toMatchObject([{ kind: "done" }]);
    expect(subject.run([rebuild("id = 1")])).toMatchObject([
      { kind: "failed", sqlState: "23503", fields: { constraint: "child_parent_fkey" } },
    ]);
    subject.gateway.version -= 1;
    const [seen, orphan] = subject.run(
      [returning("SELECT count(*) FROM seen")],
      [write("INSERT INTO child VALUES (3)")],
    );
    expect(seen).toMatchObject({ results: [{ rows: [[2n]] }] });
    expect(orphan).toMatchObject({ kind: "failed", sqlState: "23503" });
    subject.close();
  });
});

describe("deferred foreign keys", () => {
  test("a violation fails its own command only, and one that is mended in time fails none", () => {
    const subject = new Subject();
    subject.run([schema(...FAMILY, catalogStep(CHILD))]);
    const before = subject.run([write("INSERT INTO parent VALUES (1)")]);
    const batch = subject.run(
      [write("INSERT INTO child VALUES (1)")],
      [write("INSERT INTO child VALUES (9)")],
      [write("INSERT INTO child VALUES (2)"), write("INSERT INTO parent VALUES (2)")],
      [returning("SELECT parent FROM child ORDER BY parent")],
    );
    expect(before).toMatchObject([{ kind: "done" }]);
    expect(batch).toMatchObject([
      { kind: "done" },
      { kind: "failed", statement: 0, sqlState: "23503" },
      { kind: "done" },
      { kind: "done", results: [{ rows: [[1n], [2n]] }] },
    ]);
    subject.close();
  });
});
