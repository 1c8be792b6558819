/** What a session sets for its transactions, and what it can ask about them. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { resultOrSqlState, runQuery } from "../../support/session-answers.ts";

let cluster: NodeCluster;
let one: Session;
let two: Session;
let three: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  one = await cluster.connect("n1");
  two = await cluster.connect("n2");
  three = await cluster.connect("n3");
  await run(one, "CREATE TABLE t (id int PRIMARY KEY, v int)");
  await run(one, "INSERT INTO t VALUES (1, 10), (2, 20)");
});

afterEach(() => cluster.close());

const run = (session: Session, text: string) => cluster.complete(runQuery(session, text));
const outcomeOf = (session: Session, text: string) => resultOrSqlState(run(session, text));

describe("modes and settings", () => {
  it("a level is shown as it was asked for, and ends with the transaction", async () => {
    await run(one, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
    expect(await run(one, "SHOW transaction_isolation")).toEqual([["read committed"]]);
    expect(await run(one, "SHOW transaction_read_only")).toEqual([["on"]]);
    await run(one, "COMMIT AND CHAIN");
    expect(await run(one, "SHOW transaction_read_only")).toEqual([["on"]]);
    await run(one, "ROLLBACK");
    expect(await run(one, "SHOW transaction_isolation")).toEqual([["serializable"]]);
    expect(await outcomeOf(one, "COMMIT AND CHAIN")).toBe("25P01");
  });

  it("BEGIN in a block begins nothing, but its modes count", async () => {
    await run(one, "BEGIN; BEGIN READ ONLY");
    expect(await outcomeOf(one, "UPDATE t SET v = 0")).toBe("25006");
    await run(one, "ROLLBACK; BEGIN; SELECT v FROM t");
    expect(await outcomeOf(one, "BEGIN ISOLATION LEVEL READ COMMITTED")).toBe("25001");
    expect(one.transactionStatus).toBe("E");
    await run(one, "ROLLBACK");
  });

  it("a mode that widens comes before the first query", async () => {
    await run(one, "BEGIN; SET TRANSACTION READ ONLY; SET TRANSACTION READ WRITE; SELECT 1");
    expect(await outcomeOf(one, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")).toBe("25001");
    await run(one, "ROLLBACK; BEGIN READ ONLY; SELECT v FROM t");
    expect(await outcomeOf(one, "SET TRANSACTION READ WRITE")).toBe("25001");
    await run(one, "ROLLBACK; BEGIN READ ONLY; SELECT v FROM t");
    expect(await outcomeOf(one, "SET transaction_read_only = false")).toBe("25001");
    await run(one, "ROLLBACK; BEGIN READ ONLY; SELECT v FROM t");
    expect(await outcomeOf(one, "SET LOCAL transaction_isolation = 'read committed'")).toBe(
      "25001",
    );
    await run(one, "ROLLBACK; BEGIN; SELECT v FROM t; SET transaction_read_only = yes");
    expect(await outcomeOf(one, "UPDATE t SET v = 0")).toBe("25006");
    await run(one, "ROLLBACK");
  });

  it("a session that only reads refuses changes outside of blocks too", async () => {
    await run(one, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
    expect(await outcomeOf(one, "UPDATE t SET v = 0")).toBe("25006");
    await run(one, "BEGIN READ WRITE; UPDATE t SET v = 0; COMMIT");
    expect(await run(two, "SELECT sum(v) FROM t")).toEqual([[0n]]);
  });

  it("a session's mode that changes in a block concerns the next one", async () => {
    await run(one, "BEGIN ISOLATION LEVEL READ COMMITTED");
    await run(one, "SET default_transaction_read_only = on");
    await run(one, "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    expect(await run(one, "SHOW transaction_read_only")).toEqual([["off"]]);
    expect(await run(one, "SHOW transaction_isolation")).toEqual([["read committed"]]);
    await run(one, "UPDATE t SET v = 0 WHERE id = 1");
    await run(one, "COMMIT");
    await run(one, "BEGIN");
    expect(await run(one, "SHOW transaction_isolation")).toEqual([["repeatable read"]]);
    expect(await outcomeOf(one, "UPDATE t SET v = 1 WHERE id = 1")).toBe("25006");
    await run(one, "ROLLBACK");
    expect(await run(two, "SELECT v FROM t WHERE id = 1")).toEqual([[0n]]);
  });

  it("RESET ALL leaves a block's modes as they are", async () => {
    await run(one, "BEGIN READ ONLY");
    await run(one, "RESET ALL");
    expect(await outcomeOf(one, "UPDATE t SET v = 0")).toBe("25006");
    await run(one, "ROLLBACK");
    expect(await run(one, "SHOW transaction_read_only")).toEqual([["off"]]);
  });

  it("a level that there is not is refused, in a block or not", async () => {
    expect(await outcomeOf(one, "SET transaction_isolation = 'none'")).toBe("22023");
    expect(await outcomeOf(one, "SET LOCAL no_such_thing = 1")).toBe("42704");
    await run(one, "BEGIN");
    expect(await outcomeOf(one, "SET transaction_isolation = 'none'")).toBe("22023");
    await run(one, "ROLLBACK");
  });

  it("current_setting() answers null for what nobody knows, if it is asked to", async () => {
    const of = "SELECT current_setting('app.tenant'";
    expect(await outcomeOf(one, `${of})`)).toBe("42704");
    expect(await outcomeOf(one, `${of}, false)`)).toBe("42704");
    expect(await run(one, `${of}, true), current_setting('none', 'yes')`)).toEqual([[null, null]]);
    await run(one, "BEGIN");
    await run(one, "SET LOCAL app.tenant = '7'");
    expect(await run(one, `${of}, true)`)).toEqual([["7"]]);
    await run(one, "COMMIT");
    expect(await run(one, `${of}, true), current_setting('TimeZone', true)`)).toEqual([
      [null, "UTC"],
    ]);
  });

  it("SET LOCAL ends with the transaction, and with the savepoint that undoes it", async () => {
    await run(one, "SET TimeZone = 'Asia/Tokyo'");
    await run(one, "BEGIN; SET LOCAL TimeZone = 'Europe/Berlin'; SAVEPOINT s");
    await run(one, "SET LOCAL TimeZone = 'Europe/Paris'; ROLLBACK TO s");
    expect(await run(one, "SHOW TimeZone")).toEqual([["Europe/Berlin"]]);
    await run(one, "COMMIT");
    expect(await run(one, "SHOW TimeZone")).toEqual([["Asia/Tokyo"]]);
  });
});

describe("what a session can ask about its transactions", () => {
  it("currval() and lastval(), also of what was rolled back", async () => {
    expect(await outcomeOf(one, "SELECT lastval()")).toBe("55000");
    await run(one, "CREATE TABLE s (id serial, v int)");
    await run(one, "BEGIN; INSERT INTO s (v) VALUES (1); ROLLBACK");
    expect(await run(one, "SELECT currval('s_id_seq'), lastval()")).toEqual([[1n, 1n]]);
    await run(one, "INSERT INTO s (v) VALUES (1), (2)");
    expect(await run(one, "SELECT lastval()")).toEqual([[3n]]);
    expect(await outcomeOf(two, "SELECT currval('s_id_seq')")).toBe("55000");
    expect(await run(one, "INSERT INTO s (v) VALUES (1); SELECT lastval()")).toEqual([[4n]]);
    await run(one, "SELECT setval('s_id_seq', 50)");
    expect(await run(one, "SELECT currval('s_id_seq'), lastval()")).toEqual([[50n, 50n]]);
    // The session answers before the statement runs: never an old value in place of the new one.
    expect(await outcomeOf(one, "SELECT nextval('s_id_seq'), lastval()")).toBe("0A000");
    expect(await outcomeOf(one, "INSERT INTO s (v) VALUES (currval('s_id_seq'))")).toBe("0A000");
  });

  it("neither currval() nor lastval() behind DISCARD SEQUENCES and DISCARD ALL", async () => {
    await run(one, "CREATE SEQUENCE q");
    for (const discard of ["DISCARD SEQUENCES", "DISCARD ALL", "BEGIN; DISCARD SEQUENCES"]) {
      await run(one, "SELECT nextval('q')");
      await run(one, discard);
      expect(await outcomeOf(one, "SELECT currval('q')")).toBe("55000");
      await run(one, "ROLLBACK");
      expect(await outcomeOf(one, "SELECT lastval()")).toBe("55000");
    }
  });

  it("what became of a transaction, on any node", async () => {
    const statusOf = async (id: unknown) =>
      (await run(three, `SELECT pg_xact_status('${String(id)}')`))[0]?.[0];
    await run(one, "BEGIN; UPDATE t SET v = 1");
    const [[committed] = []] = await run(one, "SELECT pg_current_xact_id()");
    expect(await statusOf(committed)).toBe("in progress");
    expect(await run(one, "SELECT txid_current_if_assigned()")).toEqual([[committed]]);
    await run(one, "COMMIT");
    expect(await statusOf(committed)).toBe("committed");
    await run(one, "BEGIN; UPDATE t SET v = 2");
    const [[aborted] = []] = await run(one, "SELECT pg_current_xact_id()");
    await run(one, "ROLLBACK");
    expect(await statusOf(aborted)).toBe("aborted");
    expect(aborted).not.toEqual(committed);
    expect(await run(one, "SELECT txid_current_if_assigned()")).toEqual([[null]]);
    const [[single] = []] = await run(one, "UPDATE t SET v = 3 RETURNING txid_current()");
    expect(await statusOf(single)).toBe("committed");
    expect(await outcomeOf(one, "SELECT txid_status(4711)")).toBe("22023");
  });

  it("the status of the transaction itself, also when it has looked at something before", async () => {
    await run(one, "BEGIN");
    await run(one, "SELECT v FROM t");
    const own = "SELECT pg_xact_status(pg_current_xact_id())";
    expect(await run(one, own)).toEqual([["in progress"]]);
    await run(one, "COMMIT");
  });

  it("one that met a conflict is aborted", async () => {
    await run(one, "BEGIN; SELECT v FROM t");
    const [[id] = []] = await run(one, "SELECT txid_current()");
    await run(two, "UPDATE t SET v = 5");
    expect(await outcomeOf(one, "UPDATE t SET v = 6")).toBe("40001");
    await run(one, "ROLLBACK");
    expect(await run(two, `SELECT txid_status(${String(id)})`)).toEqual([["aborted"]]);
  });

  it("the time: now() stands still, clock_timestamp() does not, and the log agrees", async () => {
    await run(one, "CREATE TABLE times (a timestamptz, b timestamptz)");
    await run(one, "BEGIN; INSERT INTO times VALUES (now(), clock_timestamp())");
    await run(two, "UPDATE t SET v = v");
    await run(one, "INSERT INTO times VALUES (now(), clock_timestamp())");
    const shown = await run(one, "SELECT a, b FROM times ORDER BY b");
    await run(one, "COMMIT");
    expect(shown[0]?.[0]).toEqual(shown[1]?.[0]);
    expect(shown[0]?.[1]).not.toEqual(shown[1]?.[1]);
    expect(await run(two, "SELECT a, b FROM times ORDER BY b")).toEqual(shown);
  });
});
