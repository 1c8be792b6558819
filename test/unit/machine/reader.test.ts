import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../../src/base/random.ts";
import { InProcessMachine } from "../../../src/machine/in-process-machine.ts";
import { databaseFileName, filesDirectoryOf } from "../../../src/machine/machine-directory.ts";
import { Reader } from "../../../src/machine/reader.ts";
import { ReadingConnection } from "../../../src/machine/reading-connection.ts";
import { SEED_BYTES } from "../../../src/machine/seed-random.ts";
import {
  type ReadRequest,
  StaleSchemaError,
  ViewClosedError,
} from "../../../src/machine/state-machine.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import {
  createDatabase,
  dropDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  schema,
  TIMESTAMP,
  write,
} from "../../support/machine-commands.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const IDLE_MS = 1000;
const SEED = new Uint8Array(SEED_BYTES);

/** A machine at slot 2 with the numbers 1 to 10 in t, and a gateway to go on with. */
async function prepared(): Promise<{
  machine: InProcessMachine;
  gateway: Gateway;
  clock: ManualClock;
  filesDirectory: string;
}> {
  const clock = new ManualClock();
  const directory = temporaryDirectory();
  const machine = new InProcessMachine({
    directory,
    node: NODE,
    durability: "none",
    cursorsMax: 2,
    cursorIdleMs: IDLE_MS,
    viewIdleMs: IDLE_MS / 2,
    clock,
  });
  await machine.open();
  const gateway = new Gateway();
  const table = schema(
    "CREATE TABLE t (v)",
    "INSERT INTO t VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)",
  );
  await machine.apply(entries(1, [openSession()], [gateway.command([table])]));
  return { machine, gateway, clock, filesDirectory: filesDirectoryOf(directory) };
}

function request(sql: string, changes: Partial<ReadRequest> = {}): ReadRequest {
  return {
    database: 1,
    catalogVersion: 1,
    sql,
    parameters: [],
    timestampMicros: TIMESTAMP,
    usesSystemRelations: false,
    firstRows: 4,
    ...changes,
  };
}

describe("reads", () => {
  test("a function that asks the catalog may come first", async () => {
    const { machine } = await prepared();
    const { rows } = await machine.read(request("SELECT pg_to_regclass('nothing')"));
    expect(rows).toEqual([[null]]);
    await machine.close();
  });

  test("rows come in pages, and a cursor that is read to its end is gone", async () => {
    const { machine } = await prepared();
    const first = await machine.read(request("SELECT v FROM t ORDER BY v"));
    expect(first.rows).toEqual([[1n], [2n], [3n], [4n]]);
    const cursor = first.cursor ?? -1;
    const second = await machine.readMore(cursor, 5);
    expect(second).toEqual({ rows: [[5n], [6n], [7n], [8n], [9n]], cursor });
    expect(await machine.readMore(cursor, 5)).toEqual({ rows: [[10n]], cursor: null });
    await expect(machine.readMore(cursor, 5)).rejects.toMatchObject({ sqlState: "34000" });
    await machine.close();
  });

  test("an open cursor keeps its state, and others see what was applied since", async () => {
    const { machine, gateway } = await prepared();
    const open = await machine.read(request("SELECT v FROM t ORDER BY v"));
    await machine.apply(entries(3, [gateway.command([write("DELETE FROM t")])]));
    const fresh = await machine.read(request("SELECT count(*) FROM t"));
    const rest = await machine.readMore(open.cursor ?? -1, 100);
    expect(fresh.rows).toEqual([[0n]]);
    expect(rest.rows).toHaveLength(6);
    expect((await machine.read(request("SELECT count(*) FROM t"))).rows).toEqual([[0n]]);
    await machine.close();
  });

  test("a query translated against another catalog is refused as stale", async () => {
    const { machine } = await prepared();
    const stale = machine.read(request("SELECT v FROM t", { catalogVersion: 0 }));
    await expect(stale).rejects.toBeInstanceOf(StaleSchemaError);
    expect((await machine.read(request("SELECT 1"))).rows).toEqual([[1n]]);
    await machine.close();
  });

  test("cursors above their bound are refused until one is closed", async () => {
    const { machine } = await prepared();
    const select = request("SELECT v FROM t");
    const first = await machine.read(select);
    await machine.read(select);
    await expect(machine.read(select)).rejects.toMatchObject({ sqlState: "53300" });
    machine.closeCursor(first.cursor ?? -1);
    machine.closeCursor(first.cursor ?? -1);
    expect((await machine.read(select)).cursor).not.toBeNull();
    await machine.close();
  });

  test("a cursor from which nobody reads is closed after its idle time", async () => {
    const { machine, clock } = await prepared();
    const { cursor } = await machine.read(request("SELECT v FROM t"));
    clock.advance(IDLE_MS);
    clock.advance(IDLE_MS);
    await expect(machine.readMore(cursor ?? -1, 1)).rejects.toMatchObject({ sqlState: "34000" });
    await machine.close();
  });

  test("writes and pragmas are refused, and now() is the request's", async () => {
    const { machine } = await prepared();
    for (const sql of ["DELETE FROM t", "PRAGMA query_only = OFF", "VACUUM INTO 'x'"]) {
      await expect(machine.read(request(sql))).rejects.toMatchObject({ sqlState: "42501" });
    }
    const writing = request("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x RETURNING v");
    await expect(machine.read(writing)).rejects.toMatchObject({ sqlState: "0A000" });
    const now = await machine.read(request("SELECT current_timestamp"));
    expect(now.rows).toEqual([["2026-01-02 03:04:05"]]);
    await machine.close();
  });

  test("a database that is dropped answers 3D000, and its cursors are gone", async () => {
    const { machine } = await prepared();
    await machine.apply(entries(3, [createDatabase(70, "shop")]));
    const there = request("VALUES (1), (2)", { database: 3072, catalogVersion: 0, firstRows: 1 });
    const { cursor } = await machine.read(there);
    await machine.apply(entries(4, [dropDatabase(71, "shop")]));
    await expect(machine.read(there)).rejects.toMatchObject({ sqlState: "3D000" });
    await expect(machine.readMore(cursor ?? -1, 1)).rejects.toMatchObject({ sqlState: "34000" });
    await machine.close();
  });

  test("system relations follow the list of databases and the catalog", async () => {
    const { machine } = await prepared();
    const names = request("SELECT datname FROM pg_catalog.pg_database ORDER BY 1", {
      usesSystemRelations: true,
      firstRows: 100,
    });
    const before = await machine.read(names);
    await machine.apply(entries(3, [createDatabase(70, "shop")]));
    const after = await machine.read(names);
    expect(before.rows.flat()).toContain("synod");
    expect(before.rows.flat()).not.toContain("shop");
    expect(after.rows.flat()).toContain("shop");
    const again = await machine.read(names);
    expect(again.rows).toEqual(after.rows);
    await machine.close();
  });
});

describe("a view", () => {
  const seed = new Uint8Array(16).fill(1);
  const inView = (view: number | "new", sql = "SELECT sum(v) FROM t") =>
    request(sql, { inTransaction: { view, seed, clockMicros: TIMESTAMP } });

  test("shows one moment to all its queries, until it is closed", async () => {
    const { machine, gateway } = await prepared();
    const { view = -1, rows } = await machine.read(inView("new"));
    expect(rows).toEqual([[55n]]);
    await machine.apply(entries(3, [gateway.command([write("DELETE FROM t")])]));
    expect((await machine.read(inView(view))).rows).toEqual([[55n]]);
    expect((await machine.read(request("SELECT count(*) FROM t"))).rows).toEqual([[0n]]);
    machine.closeView(view);
    await expect(machine.read(inView(view))).rejects.toThrow(ViewClosedError);
    await machine.close();
  });

  test("is closed when nobody used it for long, but not while a cursor is open in it", async () => {
    const { machine, clock } = await prepared();
    const first = await machine.read(inView("new"));
    const second = await machine.read(inView("new", "SELECT v FROM t"));
    clock.advance(IDLE_MS / 2);
    await expect(machine.read(inView(first.view ?? -1))).rejects.toThrow(ViewClosedError);
    expect((await machine.readMore(second.cursor ?? -1, 1)).rows).toEqual([[5n]]);
    await machine.close();
  });

  test("random() in a query goes on where it was after another query had its turn", async () => {
    const { machine } = await prepared();
    const whole = await machine.read(inView("new", "SELECT random() FROM t LIMIT 8"));
    const [start, rest] = [whole.rows, await machine.readMore(whole.cursor ?? -1, 9)];
    const parts = await machine.read(inView("new", "SELECT random() FROM t LIMIT 8"));
    await machine.read(inView(parts.view ?? -1, "SELECT random(), random()"));
    expect(parts.rows).toEqual(start);
    expect(await machine.readMore(parts.cursor ?? -1, 9)).toEqual(rest);
    await machine.close();
  });
});

describe("connections", () => {
  test("that see the same version of the catalog load it once, and others load theirs", async () => {
    const { machine, gateway, filesDirectory } = await prepared();
    const loaded = { catalog: null };
    const path = join(filesDirectory, databaseFileName(1));
    const connect = (catalogVersion: number) => {
      const connection = new ReadingConnection(1, path, loaded);
      connection.begin(catalogVersion, false);
      connection.query(request("SELECT v FROM t", { catalogVersion }), SEED, () => []).next(1);
      return { connection, catalog: loaded.catalog };
    };
    const first = connect(1);
    expect(first.catalog).toMatchObject({ version: 1 });
    const second = connect(1);
    expect(second.catalog).toBe(first.catalog);
    await machine.apply(entries(3, [gateway.command([schema("CREATE TABLE u (v)")])]));
    const third = connect(2);
    expect(third.catalog).toMatchObject({ version: 2 });
    for (const { connection } of [first, second, third]) connection.close();
    await machine.close();
  });

  test("to databases that nobody asks any more are closed when others are asked", async () => {
    const { machine, clock, filesDirectory } = await prepared();
    const databases = [1, 3072, 3073];
    await machine.apply(entries(3, [createDatabase(70, "shop"), createDatabase(71, "bank")]));
    const random = new SeededRandom(1);
    const reader = new Reader({ filesDirectory, clock, random, idleMax: 2, idleInAllMax: 3 });
    const asked = (database: number) =>
      request("VALUES (1)", { database, catalogVersion: database === 1 ? 1 : 0 });
    for (const database of databases) {
      const inTransaction = { view: "new", seed: SEED, clockMicros: TIMESTAMP } as const;
      const views = [1, 2].map(() => reader.read({ ...asked(database), inTransaction }).view);
      for (const view of views) reader.closeView(view ?? -1);
    }
    // Who has a file open still reads it when its name is gone.
    for (const database of databases) rmSync(join(filesDirectory, databaseFileName(database)));
    expect(() => reader.read(asked(1))).toThrow(SqlError);
    for (const database of [3072, 3073]) {
      expect(reader.read(asked(database)).rows).toEqual([[1n]]);
    }
    reader.closeFiles();
  });
});
