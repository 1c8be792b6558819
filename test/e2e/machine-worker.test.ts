/** The machine over its real threads. Needs the compiled worker (tsc); without it nothing runs here. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
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
  call: Promise<unknown> | undefined,
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
