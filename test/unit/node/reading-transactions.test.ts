/** Transactions that have changed nothing so far, over whole nodes. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Gateway } from "../../../src/node/gateway.ts";
import { allRows, closeRows } from "../../../src/node/statement-results.ts";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { resultOrSqlState, resultsOf, runQuery } from "../../support/session-answers.ts";

let cluster: NodeCluster;
let one: Session;
let two: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  one = await cluster.connect("n1");
  two = await cluster.connect("n2");
  await run(one, "CREATE TABLE t (id int PRIMARY KEY, v int)");
  await run(one, "INSERT INTO t VALUES (1, 10), (2, 20)");
});

afterEach(() => {
  vi.restoreAllMocks();
  return cluster.close();
});

const run = (session: Session, text: string) => cluster.complete(runQuery(session, text));
const outcomeOf = (session: Session, text: string) => resultOrSqlState(run(session, text));

/** How many rows each result has that are taken when all results are there. */
async function rowsAfterwards(session: Session, text: string): Promise<number[]> {
  const counts: number[] = [];
  for (const result of await cluster.complete(resultsOf(session, text))) {
    if (result.kind === "rows") counts.push((await cluster.complete(allRows(result.rows))).length);
  }
  return counts;
}

describe("a transaction that only reads", () => {
  it("sees one moment, whatever the others do meanwhile, and meets no conflict", async () => {
    await run(one, "BEGIN");
    expect(await run(one, "SELECT v FROM t WHERE id = 1")).toEqual([[10n]]);
    await run(two, "UPDATE t SET v = v + 1");
    expect(await run(one, "SELECT v FROM t WHERE id = 2")).toEqual([[20n]]);
    await run(one, "COMMIT");
    expect(await run(one, "SELECT v FROM t WHERE id = 2")).toEqual([[21n]]);
  });

  it("does not end well at a node that led when it began and was replaced meanwhile", async () => {
    const { name } = cluster.leader ?? cluster.follower;
    const early = await cluster.connect(name);
    const late = await cluster.connect(name);
    await run(early, "BEGIN; SELECT v FROM t; COMMIT");
    cluster.isolate(name);
    // Nobody is asked before the end, so that this does not wait for the others.
    for (const session of [early, late]) {
      expect(await run(session, "BEGIN; SELECT v FROM t WHERE id = 1")).toEqual([[10n]]);
    }
    const other = name === "n1" ? two : one;
    await cluster.until("another leader", () => cluster.leader?.name !== name);
    await run(other, "UPDATE t SET v = 11 WHERE id = 1");
    expect(await outcomeOf(early, "COMMIT")).toBe("57P03");
    cluster.mend();
    expect(await outcomeOf(late, "COMMIT")).toBe("40001");
    expect(await run(late, "SELECT v FROM t WHERE id = 1")).toEqual([[11n]]);
  });

  it("that looked at the schema alone does not end well either where another leader has changed it", async () => {
    const { name } = cluster.leader ?? cluster.follower;
    const looking = await cluster.connect(name);
    const making = await cluster.connect(name);
    await run(looking, "BEGIN; SELECT v FROM t; COMMIT");
    cluster.isolate(name);
    const look = "BEGIN; SELECT count(*) FROM pg_class WHERE relname = 't'";
    expect(await run(looking, look)).toEqual([[1n]]);
    await run(making, "BEGIN; CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v int)");
    const other = name === "n1" ? two : one;
    await cluster.until("another leader", () => cluster.leader?.name !== name);
    await run(other, "DROP TABLE t");
    cluster.mend();
    expect(await outcomeOf(looking, "COMMIT")).toBe("40001");
    expect(await outcomeOf(making, "COMMIT")).toBe("40001");
    expect(await outcomeOf(looking, "SELECT v FROM t")).toBe("42P01");
  });

  it("waits for the others before its first query if it said that it only reads", async () => {
    const { name } = cluster.leader ?? cluster.follower;
    const session = await cluster.connect(name);
    await run(session, "BEGIN READ ONLY");
    cluster.isolate(name);
    expect(await outcomeOf(session, "SELECT v FROM t WHERE id = 1")).toBe("57P03");
    cluster.mend();
    await run(session, "ROLLBACK; BEGIN READ ONLY");
    expect(await run(session, "SELECT v FROM t WHERE id = 1")).toEqual([[10n]]);
    cluster.isolate(name);
    await run(session, "COMMIT");
  });

  it("that changes something after what it has read was changed gets 40001", async () => {
    await run(one, "BEGIN; SELECT v FROM t WHERE id = 1");
    await run(two, "UPDATE t SET v = v + 1 WHERE id = 1");
    expect(await outcomeOf(one, "UPDATE t SET v = 0 WHERE id = 2")).toBe("40001");
  });

  it("hands out all rows though it is implicit and has ended, and keeps its view no longer", async () => {
    const many = "SELECT g, v FROM generate_series(1, 5000) AS g, t WHERE id = 1";
    const closed = vi.spyOn(Gateway.prototype, "closeView");
    expect(await rowsAfterwards(one, `SELECT 1; ${many}; ${many}`)).toEqual([1, 5000, 5000]);
    expect(
      await rowsAfterwards(one, `SELECT pg_current_xact_id() IS NULL, * FROM (${many}) AS m`),
    ).toEqual([5000]);
    expect(
      await rowsAfterwards(one, `SELECT 1; SELECT * FROM pg_type AS a, pg_type AS b LIMIT 2000`),
    ).toEqual([1, 2000]);
    expect(closed.mock.calls.length).toBe(3);
    const left = await cluster.complete(resultsOf(one, `SELECT 1; ${many}`));
    expect(closed.mock.calls.length).toBe(3);
    closeRows(left);
    expect(closed.mock.calls.length).toBe(4);
  });

  it("refuses changes if it was begun so", async () => {
    await run(one, "BEGIN READ ONLY");
    expect(await outcomeOf(one, "UPDATE t SET v = 0")).toBe("25006");
    await run(one, "ROLLBACK");
  });

  it("takes rows of two cursors by turns, also behind a change, and is held to what it took", async () => {
    await run(one, "INSERT INTO t SELECT g, 0 FROM generate_series(10, 3000) AS g");
    await run(one, "BEGIN");
    const all = await cluster.complete(one.prepare("SELECT id FROM t ORDER BY id", []));
    const first = await cluster.complete(one.execute(all, []));
    const second = await cluster.complete(one.execute(all, []));
    if (first.kind !== "rows" || second.kind !== "rows") throw new Error("no rows");
    const next = async (rows: typeof first.rows, count: number) =>
      (await cluster.complete(rows.next(count))).map(([id]) => id);
    expect(await next(first.rows, 2)).toEqual([1n, 2n]);
    expect(await next(second.rows, 1)).toEqual([1n]);
    await run(one, "UPDATE t SET v = 5 WHERE id = 3000");
    expect(await next(first.rows, 2)).toEqual([10n, 11n]);
    second.rows.close();
    await run(one, "COMMIT");
    expect(await run(two, "SELECT v FROM t WHERE id = 3000")).toEqual([[5n]]);
  });
});
