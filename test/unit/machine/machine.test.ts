import { describe, expect, test } from "vitest";
import { Machine } from "../../../src/machine/machine.ts";
import type { ApplyReport, Outcome } from "../../../src/machine/state-machine.ts";
import {
  createDatabase,
  dropDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  SESSION,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const TABLE = schema("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");

function opened(directory = temporaryDirectory()): Machine {
  const machine = new Machine({ directory, node: NODE, durability: "none" });
  machine.open();
  return machine;
}

function outcomes(report: ApplyReport): Outcome[] {
  return report.reports.map(({ outcome }) => outcome);
}

describe("a command that no translator should write", () => {
  test("a wrong number of values is the statement's error, however often it comes", () => {
    const machine = opened(temporaryDirectory());
    const gateway = new Gateway();
    const few = [write, returning].map((of, at) =>
      of(`UPDATE t SET v = ?1 WHERE id = ?2${at === 0 ? "" : " RETURNING id"}`, "x"),
    );
    machine.apply(entries(1, [openSession()], [gateway.command([TABLE])]));
    for (let slot = 3; slot < 9; slot += 1) {
      const statement = few[slot % 2] ?? TABLE;
      const { result } = machine.applyMeasured(entries(slot, [gateway.command([statement])]));
      expect(outcomes(result)).toMatchObject([{ kind: "failed", sqlState: "08P01" }]);
    }
    machine.close();
  });
});

describe("machine", () => {
  test("a new directory holds the database synod with nothing applied", () => {
    const machine = new Machine({ directory: temporaryDirectory(), node: NODE });
    const state = machine.open();
    expect(state).toMatchObject({ appliedIndex: 0, createdNow: true, restoreInterrupted: false });
    expect(state.databases.map(({ info }) => info)).toEqual([{ id: 1, name: "synod" }]);
    machine.close();
  });

  test("rows and counts come back, and the state is there after a restart", () => {
    const directory = temporaryDirectory();
    const machine = opened(directory);
    const gateway = new Gateway();
    const report = machine.apply(
      entries(
        1,
        [openSession()],
        [gateway.command([TABLE])],
        [
          gateway.command([write("INSERT INTO t VALUES (1, 'a'), (2, 'b')")]),
          gateway.command([returning("UPDATE t SET v = ?1 || v RETURNING id, v", "x")]),
        ],
      ),
    );
    expect(outcomes(report).slice(2)).toEqual([
      { kind: "done", results: [{ count: 2, rows: null, fromMemory: false }] },
      {
        kind: "done",
        results: [
          {
            count: 2,
            rows: [
              [1n, "xa"],
              [2n, "xb"],
            ],
            fromMemory: false,
          },
        ],
      },
    ]);
    machine.close();
    const again = new Machine({ directory, node: NODE, durability: "none" });
    expect(again.open()).toMatchObject({ appliedIndex: 3, createdNow: false });
    const select = gateway.command([returning("SELECT count(*) FROM t")]);
    expect(outcomes(again.apply(entries(4, [select])))[0]).toMatchObject({
      results: [{ rows: [[2n]] }],
    });
    again.close();
  });

  test("a failing statement takes back the whole command and names itself", () => {
    const machine = opened();
    const gateway = new Gateway();
    const report = machine.apply(
      entries(
        1,
        [openSession(), gateway.command([TABLE])],
        [
          gateway.command([
            write("INSERT INTO t VALUES (1, 'a')"),
            write("INSERT INTO t VALUES (1, 'b')"),
          ]),
          gateway.command([returning("SELECT count(*) FROM t")]),
        ],
      ),
    );
    expect(outcomes(report)[2]).toMatchObject({
      kind: "failed",
      statement: 1,
      sqlState: "23505",
    });
    expect(outcomes(report)[3]).toMatchObject({ results: [{ rows: [[0n]] }] });
    machine.close();
  });

  test("what is long to read or to decode is not applied where it must be short", () => {
    const machine = opened();
    const gateway = new Gateway();
    machine.apply(entries(1, [openSession(), gateway.command([TABLE])]));
    const long = "x".repeat(16 * 1024);
    const few = write("INSERT INTO t VALUES (?1, 'a')", 1n);
    const many = Array.from({ length: 100 }, (_, id) =>
      write("INSERT INTO t VALUES (?1, ?2)", BigInt(id), long.slice(id)),
    );
    let nested = "SELECT 1 AS n";
    for (let level = 0; level < 20; level += 1) nested = `SELECT n * n AS n FROM (${nested})`;
    const refused = [
      [write(`INSERT INTO t VALUES (1, '${long}')`)],
      many,
      // SQLite makes a program of a million instructions of it.
      [write(`INSERT INTO t SELECT n, 'a' FROM (${nested})`)],
    ];
    for (const statements of refused) {
      expect(machine.applyIfShort(entries(2, [gateway.command(statements)]))).toBeNull();
    }
    const report = machine.applyIfShort(entries(2, [gateway.command([few])]));
    expect(report?.reports[0]?.outcome.kind).toBe("done");
    machine.close();
  });

  test("a command for another catalog version does not run", () => {
    const machine = opened();
    const gateway = new Gateway();
    machine.apply(entries(1, [openSession()], [gateway.command([TABLE])]));
    const stale = gateway.command([write("INSERT INTO t VALUES (1, 'a')")], { catalogVersion: 0 });
    expect(outcomes(machine.apply(entries(3, [stale])))).toEqual([{ kind: "staleSchema" }]);
    machine.close();
  });
});

describe("databases and gateways of a machine", () => {
  test("a new database has its own file and sessions, and leaves with its file", () => {
    const machine = opened();
    const created = machine.apply(entries(1, [openSession()], [createDatabase(1, "shop")]));
    const info = { id: 2048, name: "shop" };
    expect(created.changedDatabases).toMatchObject([{ info, catalog: { version: 0 } }]);
    const gateway = new Gateway(SESSION, info.id);
    const used = machine.apply(entries(3, [gateway.command([TABLE])]));
    expect(outcomes(used)).toMatchObject([{ kind: "done" }]);
    const dropped = machine.apply(
      entries(4, [
        createDatabase(2, "shop"),
        dropDatabase(3, "shop"),
        dropDatabase(4, "shop"),
        dropDatabase(5, "shop", true),
        gateway.command([write("DELETE FROM t")]),
      ]),
    );
    expect(dropped.changedDatabases).toEqual([{ info, catalog: null }]);
    expect(outcomes(dropped)).toMatchObject([
      { kind: "failed", sqlState: "42P04" },
      { kind: "done" },
      { kind: "failed", sqlState: "3D000" },
      { kind: "done" },
      { kind: "failed", sqlState: "3D000" },
    ]);
    machine.close();
  });

  test("only commands of this node's gateway and of closed sessions are reported", () => {
    const machine = opened();
    const mine = new Gateway();
    const theirs = new Gateway(SESSION + 1);
    const lost = new Gateway(5);
    const report = machine.apply(
      entries(
        1,
        [openSession(), openSession(NODE + 1)],
        [mine, theirs, lost].map((gateway) => gateway.command([returning("SELECT 1")])),
      ),
    );
    expect(report.reports.map(({ session }) => session)).toEqual([SESSION, SESSION, 5]);
    expect(outcomes(report)[2]).toEqual({ kind: "unknown" });
    machine.close();
  });

  test("the digest does not depend on how entries are handed over", () => {
    const gateway = new Gateway();
    const log = entries(
      1,
      [openSession()],
      [gateway.command([TABLE])],
      [gateway.command([write("INSERT INTO t VALUES (1, 'a')")]), createDatabase(9, "shop")],
      [gateway.command([write("INSERT INTO t VALUES (1, 'a')")])],
      [],
      [gateway.command([returning("SELECT random() FROM t")])],
    );
    const whole = opened();
    const single = opened();
    const digest = whole.apply(log).digest;
    const steps = log.map((entry) => single.apply([entry]).digest);
    expect(digest).toMatch(/^[0-9a-f]{16}$/);
    expect(steps.at(-1)).toBe(digest);
    expect(new Set(steps).size).toBe(5);
    whole.close();
    single.close();
  });
});
