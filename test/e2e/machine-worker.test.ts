/** The machine over its real threads. Needs the compiled worker (tsc); without it nothing runs here. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { TransactionStatement } from "../../src/machine/command.ts";
import { InProcessMachine } from "../../src/machine/in-process-machine.ts";
import { type ReadRequest, StaleSchemaError } from "../../src/machine/state-machine.ts";
import { Stop } from "../../src/machine/stop.ts";
import { WorkerMachine } from "../../src/machine/worker-machine.ts";
import {
  createDatabase,
  dropDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  schema,
  seedOf,
  TIMESTAMP,
  write,
} from "../support/machine-commands.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const compiled = new URL("../../dist/src/machine/", import.meta.url);
const workerUrl = new URL("worker.js", compiled);
const isBuilt = existsSync(fileURLToPath(workerUrl));

/** Counts to a billion in about half a minute: long enough to be "for ever" here. */
const ENDLESS =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT count(*) FROM n";
const LONG = ENDLESS.replace("1000000000", "3000000");

/** Never ends, but looks at each row whether it is to. */
const CHECKED =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE synod_check(i)) SELECT count(*) FROM n";
/** Three rows are there at once, others never come. */
const PAGED =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE synod_check(i)) SELECT i FROM n WHERE i <= 3";

/** Asks after `delayMs` that a call ends, which it does at once. */
async function expectStopped(
  call: unknown,
  stop: Stop | undefined,
  delayMs: number,
): Promise<void> {
  let askedMs = Number.NaN;
  setTimeout(() => {
    askedMs = performance.now();
    stop?.ask();
  }, delayMs);
  await expect(call).rejects.toMatchObject({ sqlState: "57014" });
  expect(performance.now() - askedMs).toBeLessThan(200);
}

function read(sql: string, changes: Partial<ReadRequest> = {}): ReadRequest {
  return {
    database: 1,
    catalogVersion: 1,
    sql,
    parameters: [],
    timestampMicros: TIMESTAMP,
    usesSystemRelations: false,
    firstRows: 2,
    ...changes,
  };
}

async function opened(directory = temporaryDirectory()): Promise<WorkerMachine> {
  const machine = new WorkerMachine({ directory, node: NODE, workerUrl });
  await machine.open();
  return machine;
}

const TABLE = schema("CREATE TABLE t (v)");
const ROW = write("INSERT INTO t VALUES (random())");

describe.skipIf(!isBuilt)("the machine over its threads", () => {
  test("applies, answers and comes back like the one in process", async () => {
    const gateway = new Gateway();
    const log = entries(
      1,
      [openSession(), createDatabase(90, "shop")],
      [gateway.command([TABLE])],
      [gateway.command([ROW]), gateway.command([returning("SELECT v, x'0102' FROM t")])],
      [dropDatabase(91, "shop")],
    );
    const directory = temporaryDirectory();
    const threads = await opened(directory);
    const single = new InProcessMachine({ directory: temporaryDirectory(), node: NODE });
    await single.open();
    const [here, there] = [await threads.apply(log), await single.apply(log)];
    expect(here.digest).toBe(there.digest);
    expect(here.reports.map(({ outcome }) => outcome.kind)).toEqual(
      there.reports.map(({ outcome }) => outcome.kind),
    );
    expect(await threads.contentHash()).toEqual(await single.contentHash());
    expect(await threads.checkpoint()).toBe(4);
    await Promise.all([threads.close(), single.close()]);
    const again = new WorkerMachine({ directory, node: NODE, workerUrl });
    expect(await again.open()).toMatchObject({ appliedIndex: 4, createdNow: false });
    await again.close();
  });

  test("errors keep their class, cursors their reader", async () => {
    const machine = await opened();
    await machine.apply(entries(1, [openSession(), new Gateway().command([TABLE])]));
    const stale = machine.read(read("SELECT 1", { catalogVersion: 5 }));
    await expect(stale).rejects.toBeInstanceOf(StaleSchemaError);
    await expect(machine.read(read("SELECT nothing"))).rejects.toMatchObject({ name: "SqlError" });
    const numbers = read("VALUES (1), (2), (3), (4), (5)");
    const pages = await Promise.all([machine.read(numbers), machine.read(numbers)]);
    for (const { rows, cursor } of pages) {
      expect(rows).toEqual([[1n], [2n]]);
      expect(await machine.readMore(cursor ?? -1, 9)).toEqual({
        rows: [[3n], [4n], [5n]],
        cursor: null,
      });
    }
    await machine.close();
  });

  test("a long read delays neither applying nor another read", async () => {
    const machine = await opened();
    const gateway = new Gateway();
    await machine.apply(entries(1, [openSession(), gateway.command([TABLE])]));
    await machine.read(read("SELECT 1"));
    const order: string[] = [];
    const long = machine.read(read(LONG)).then(() => order.push("long read"));
    await machine.apply(entries(2, [gateway.command([ROW])]));
    order.push("apply");
    expect((await machine.read(read("SELECT count(*) FROM t"))).rows).toEqual([[1n]]);
    order.push("short read");
    await long;
    expect(order).toEqual(["apply", "short read", "long read"]);
    await machine.close();
  });

  test("a snapshot under load is of one slot, and another machine goes on from it", async () => {
    const machine = await opened();
    const gateway = new Gateway();
    await machine.apply(entries(1, [openSession(), gateway.command([TABLE])]));
    const target = join(temporaryDirectory(), "snapshot");
    mkdirSync(target);
    const taken = machine.snapshot(target);
    const log = Array.from({ length: 200 }, (_unused, index) =>
      entries(2 + index, [gateway.command([ROW])]),
    ).flat();
    await Promise.all(log.map((entry) => machine.apply([entry])));
    const { appliedIndex, files } = await taken;
    const other = await opened();
    expect(await other.restore(target, files)).toMatchObject({ appliedIndex });
    const report = await other.apply(log.filter(({ slot }) => slot > appliedIndex));
    expect(report.appliedIndex).toBe(201);
    expect(await other.contentHash()).toEqual(await machine.contentHash());
    expect((await other.read(read("SELECT count(*) FROM t"))).rows).toEqual([[200n]]);
    await Promise.all([machine.close(), other.close()]);
  });

  test("close comes back although a query never ends, and says so", async () => {
    const script = `
      import { WorkerMachine } from ${JSON.stringify(new URL("worker-machine.js", compiled).href)};
      const machine = new WorkerMachine({ directory: process.argv[2], node: 7 });
      await machine.open();
      machine.read(${JSON.stringify(read(ENDLESS, { catalogVersion: 0 }))}).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 300));
      await machine.close();
      process.stdout.write("runaway: " + machine.hasRunawayRead);
      process.kill(process.pid, "SIGKILL");`;
    const directory = temporaryDirectory();
    const file = join(directory, "script.mjs");
    writeFileSync(file, script);
    const child = spawn(process.execPath, [file, join(directory, "machine")]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const signal = await new Promise((resolve) => {
      child.on("exit", (_code, by) => resolve(by));
    });
    expect(output).toBe("runaway: true");
    expect(signal).toBe("SIGKILL");
  });
});

describe.skipIf(!isBuilt)("short and long statements in turn", () => {
  const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const COUNT = read("SELECT count(*), sum(v) FROM t");
  const KEYED = schema("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER)");

  test("each sees what the others did, whichever thread they ran in", async () => {
    const directory = temporaryDirectory();
    const machine = await opened(directory);
    const single = new InProcessMachine({ directory: temporaryDirectory(), node: NODE });
    await single.open();
    const gateway = new Gateway();
    let slot = 0;
    const checkpoints: [durable: number, applied: number][] = [];
    const apply = async (command: Uint8Array): Promise<void> => {
      slot += 1;
      const log = entries(slot, [command]);
      const [here, there] = [await machine.apply(log), await single.apply(log)];
      expect(here.digest).toBe(there.digest);
    };
    await apply(openSession());
    await apply(gateway.command([KEYED]));
    for (let round = 0n; round < 6n; round += 1n) {
      // The files come to this thread when nothing long was asked for a while.
      await rest(150);
      await apply(gateway.command([write("INSERT INTO t VALUES (?1, 1)", round)]));
      const one = read("SELECT v FROM t WHERE k = ?1", { parameters: [round] });
      expect((await machine.read(one)).rows).toEqual([[1n]]);
      await apply(gateway.command([write("UPDATE t SET v = v + 1 WHERE k = ?1", round)]));
      expect((await machine.read(one)).rows).toEqual([[2n]]);
      if (round % 2n === 0n) await apply(gateway.command([write("UPDATE t SET v = v * 2")]));
      else checkpoints.push([await machine.checkpoint(), slot]);
      expect(await machine.contentHash()).toEqual(await single.contentHash());
      expect((await machine.read(COUNT)).rows).toEqual((await single.read(COUNT)).rows);
    }
    expect(checkpoints).toEqual(checkpoints.map(([, applied]) => [applied, applied]));
    await rest(150);
    await apply(gateway.command([write("INSERT INTO t VALUES (100, 1)")]));
    // What is not committed yet is when it is closed.
    await machine.close();
    const again = await opened(directory);
    expect(await again.contentHash()).toEqual(await single.contentHash());
    await Promise.all([again.close(), single.close()]);
  });

  test("what failed here is not written on there, and a new start goes on from it", async () => {
    const directory = temporaryDirectory();
    const machine = await opened(directory);
    const gateway = new Gateway();
    await machine.apply(entries(1, [openSession(), gateway.command([KEYED])]));
    await rest(150);
    const insert = gateway.command([write("INSERT INTO t VALUES (1, 1)")]);
    const log = entries(
      2,
      [insert],
      [gateway.command([write("UPDATE t SET v = v + 1 WHERE k = 1")])],
    );
    await machine.apply(log);
    expect((await machine.read(COUNT)).rows).toEqual([[1n, 2n]]);
    await expect(machine.apply(entries(9, [insert]))).rejects.toThrow("slot 9 leaves a gap");
    for (let call = 0; call < 2; call += 1) {
      await expect(machine.checkpoint()).rejects.toThrow("the machine has failed before");
    }
    await machine.close();
    const again = new WorkerMachine({ directory, node: NODE, workerUrl });
    const { appliedIndex } = await again.open();
    await again.apply(log.slice(Math.max(0, appliedIndex - 1)));
    expect((await again.read(COUNT)).rows).toEqual([[1n, 2n]]);
    await again.close();
  });

  test("a transaction goes on although the files went to another thread meanwhile", async () => {
    const machine = await opened();
    const gateway = new Gateway();
    const rows = write("INSERT INTO t VALUES (1, 1), (2, 1)");
    await machine.apply(
      entries(1, [openSession(), gateway.command([KEYED]), gateway.command([rows])]),
    );
    await rest(150);
    const items: TransactionStatement[] = [];
    const attempt = async (sql: string): Promise<unknown> => {
      const item = {
        kind: "statement",
        statement: returning(sql),
        clockMicros: TIMESTAMP,
        rowsShown: null,
      } as const;
      const start = { catalogVersion: 1, seed: seedOf(1), startedMicros: TIMESTAMP, items };
      const result = await machine.speculate({ database: 1, transaction: 1, start, item });
      if (result.kind !== "done") return result.kind;
      items.push({ ...item, digest: result.digest, sequenceValues: result.sequenceValues });
      return result.outcome.rows;
    };
    expect(await attempt("UPDATE t SET v = v + 1 WHERE k = 1 RETURNING v")).toEqual([[2n]]);
    // A long one: there. Its sum is of both rows, one of them changed here.
    expect(await attempt("SELECT sum(v) FROM t")).toEqual([[3n]]);
    await rest(150);
    await machine.apply(entries(2, [gateway.command([write("UPDATE t SET v = 5 WHERE k = 2")])]));
    // What the sum showed is no longer so.
    expect(await attempt("UPDATE t SET v = v + 1 WHERE k = 1 RETURNING v")).toBe("conflict");
    await machine.close();
  });
});

describe.skipIf(!isBuilt)("calls of the machine that are stopped", () => {
  test("a read, waiting or running, and the next page of one end when that is asked for", async () => {
    const machine = await opened();
    // Both readers are busy, and a third read waits behind one of them.
    const stops = [new Stop(), new Stop(), new Stop()];
    const reads = stops.map((stop) => machine.read(read(CHECKED, { catalogVersion: 0 }), stop));
    await Promise.all(reads.map((each, at) => expectStopped(each, stops[at], 200)));
    const first = await machine.read(read(PAGED, { catalogVersion: 0 }));
    const stop = new Stop();
    await expectStopped(machine.readMore(first.cursor ?? -1, 9, stop), stop, 200);
    const again = machine.readMore(first.cursor ?? -1, 9);
    await expect(again).rejects.toMatchObject({ sqlState: "34000" });
    expect((await machine.read(read("SELECT 5", { catalogVersion: 0 }))).rows).toEqual([[5n]]);
    await machine.close();
    expect(machine.hasRunawayRead).toBe(false);
  });

  test("a statement that is tried ends when that is asked for, and the log goes on", async () => {
    const machine = await opened();
    const gateway = new Gateway();
    await machine.apply(entries(1, [openSession(), gateway.command([TABLE])]));
    const stop = new Stop();
    const tried = machine.speculate(
      {
        database: 1,
        transaction: 1,
        start: { catalogVersion: 1, seed: seedOf(1), startedMicros: TIMESTAMP, items: [] },
        item: {
          kind: "statement",
          statement: write(`INSERT INTO t ${CHECKED}`),
          clockMicros: TIMESTAMP,
          rowsShown: null,
        },
      },
      stop,
    );
    await expectStopped(tried, stop, 200);
    const { reports } = await machine.apply(entries(2, [gateway.command([ROW])]));
    expect(reports).toMatchObject([{ outcome: { kind: "done" } }]);
    await machine.close();
  });

  test("close ends the queries that look", async () => {
    const machine = await opened();
    const reads = [1, 2].map(() => machine.read(read(CHECKED, { catalogVersion: 0 })));
    const ends = Promise.allSettled(reads);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await machine.close();
    expect(machine.hasRunawayRead).toBe(false);
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});
