/**
 * A statement whose client no longer waits for it may go on for a while: for a quorum, say. Meanwhile its
 * session does other things, to which it must do nothing.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { failureOf, runQuery } from "../../support/session-answers.ts";
import { settle } from "../../support/settle.ts";

let cluster: NodeCluster;
/** At a node that does not lead: a transaction there begins with a question to another. */
let session: Session;
let other: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  const leader = cluster.status("n1").leader?.id;
  session = await cluster.connect(leader === "n2" ? "n3" : "n2");
  other = await cluster.connect("n1");
  await driven("CREATE TABLE t (id int PRIMARY KEY, v int)");
  await driven("CREATE TABLE made (id serial, v int)");
  await driven("INSERT INTO t VALUES (1, 0)");
});

afterEach(() => cluster.close());

/** With time passing until it is done. */
function driven(text: string, by: Session = session) {
  return cluster.complete(runQuery(by, text));
}

/** Without: nothing arrives at any node meanwhile. */
const still = (text: string) => runQuery(session, text);

/** Sends statements that nobody answers, and gives the last of them up. */
async function giveUp(...texts: readonly string[]): Promise<void> {
  for (const text of texts.slice(0, -1)) await still(text);
  const waiting = still(texts.at(-1) ?? "");
  waiting.catch(() => undefined);
  await settle();
  session.cancel();
  await expect(waiting).rejects.toMatchObject({ sqlState: "57014" });
}

const catchUp = () => cluster.pass(500);

it.each([
  ["a change", "UPDATE t SET v = v + 1000 WHERE id = 1"],
  ["a query", "SELECT v FROM t WHERE id = 1"],
  ["an INSERT with a serial key", "INSERT INTO made (v) VALUES (1)"],
  ["a change of the schema", "ALTER TABLE t ADD COLUMN more int"],
  ["a savepoint", "SAVEPOINT s"],
  ["a query that asks for the transaction's id", "SELECT txid_current()"],
])("does nothing in the next transaction: %s", async (_what, text) => {
  await giveUp("BEGIN", text);
  expect(session.transactionStatus).toBe("E");
  await still("ROLLBACK");
  await still("BEGIN");
  await catchUp();
  expect(await driven("SELECT txid_current_if_assigned()")).toEqual([[null]]);
  await driven("UPDATE t SET v = v + 1 WHERE id = 1");
  await driven("COMMIT");
  expect(await driven("SELECT * FROM t", other)).toEqual([[1n, 1n]]);
  expect(await driven("SELECT count(*) FROM made", other)).toEqual([[0n]]);
});

it("opens no transaction of its own", async () => {
  await giveUp("BEGIN", "UPDATE t SET v = v + 1000 WHERE id = 1");
  await still("ROLLBACK");
  await catchUp();
  expect(session.transactionStatus).toBe("I");
  await driven("BEGIN");
  await driven("COMMIT");
  expect(await driven("SELECT v FROM t", other)).toEqual([[0n]]);
});

it("leaves the next transaction whole, whose first statement came while it still waited", async () => {
  await giveUp("BEGIN", "SELECT v FROM t WHERE id = 1");
  await still("ROLLBACK");
  await still("BEGIN");
  const changed = still("UPDATE t SET v = v + 1 WHERE id = 1");
  await cluster.complete(changed);
  await driven("INSERT INTO made (v) VALUES (9)");
  await driven("COMMIT");
  expect(await driven("SELECT v, (SELECT count(*) FROM made) FROM t", other)).toEqual([[1n, 1n]]);
});

it("does nothing behind ROLLBACK TO either", async () => {
  await driven("BEGIN");
  await driven("SAVEPOINT a");
  // The values of its key have to be set aside first.
  await giveUp("INSERT INTO made (v) VALUES (1)");
  await driven("ROLLBACK TO a");
  await driven("UPDATE t SET v = 7 WHERE id = 1");
  await catchUp();
  await driven("COMMIT");
  expect(await driven("SELECT v, (SELECT count(*) FROM made) FROM t", other)).toEqual([[7n, 0n]]);
});

it.each([
  ["several statements together", [], "UPDATE t SET v = 5; SELECT currval('made_id_seq')"],
  ["an EXECUTE in a block", ["BEGIN"], "EXECUTE p(1000)"],
  ["an EXECUTE with a value to be computed", ["BEGIN"], "EXECUTE p((SELECT 1000))"],
])("does nothing in the next transaction: %s", async (_what, before, text) => {
  await driven("PREPARE p(int) AS UPDATE t SET v = v + $1 WHERE id = 1");
  await giveUp(...before, text);
  await still("ROLLBACK");
  await still("BEGIN");
  await catchUp();
  await driven("SELECT 1");
  await driven("COMMIT");
  expect(await driven("SELECT v FROM t", other)).toEqual([[0n]]);
});

it("a COMMIT that nobody waits for leaves the settings of the next transaction alone", async () => {
  await driven("BEGIN");
  await driven("SET LOCAL lock_timeout = '1s'");
  await driven("SET application_name = 'gone'");
  await driven("UPDATE t SET v = v + 1 WHERE id = 1");
  await giveUp("COMMIT");
  expect(await still("SHOW lock_timeout")).toEqual([["0"]]);
  expect(await still("SHOW application_name")).toEqual([[""]]);
  await still("BEGIN");
  await still("SET LOCAL lock_timeout = '2s'");
  await still("SET application_name = 'new'");
  await catchUp();
  expect(await still("SHOW lock_timeout")).toEqual([["2s"]]);
  await driven("COMMIT");
  expect(await still("SHOW application_name")).toEqual([["new"]]);
  expect(await still("SHOW lock_timeout")).toEqual([["0"]]);
});

it("several statements that nobody waits for leave the settings as they were, at once and for good", async () => {
  await giveUp("SET application_name = 'gone'; UPDATE t SET v = v + 1");
  expect(await still("SHOW application_name")).toEqual([[""]]);
  await still("SET application_name = 'new'");
  await catchUp();
  expect(await still("SHOW application_name")).toEqual([["new"]]);
});

it("the locks of a transaction whose COMMIT nobody waits for go, those of the next one stay", async () => {
  await driven("BEGIN");
  await driven("UPDATE t SET v = v + 1 WHERE id = 1");
  await driven("SELECT pg_advisory_xact_lock(1)");
  await giveUp("COMMIT");
  await still("BEGIN");
  await driven("SELECT pg_advisory_xact_lock(2)");
  await catchUp();
  const isFree = async (key: number) =>
    (await driven(`SELECT pg_try_advisory_xact_lock(${key})`, other))[0]?.[0];
  expect(await isFree(1)).toBe(1n);
  expect(await isFree(2)).toBe(0n);
  await driven("ROLLBACK");
  expect(await isFree(2)).toBe(1n);
});

it("a lock asked for alone is let go, and not with those of the next transaction", async () => {
  await giveUp("SELECT pg_advisory_xact_lock(1)");
  await still("BEGIN");
  await driven("SELECT pg_advisory_xact_lock(2)");
  await catchUp();
  const tried = await driven("SELECT pg_try_advisory_xact_lock(2)", other);
  expect(tried).toEqual([[0n]]);
  await driven("COMMIT");
});

it("DISCARD ALL that nobody waits for discards nothing of what comes after it", async () => {
  await driven("SELECT pg_advisory_lock(1)");
  await giveUp("DISCARD ALL");
  await still("SET application_name = 'mine'");
  await still("PREPARE mine AS SELECT 1");
  await catchUp();
  expect(await still("SHOW application_name")).toEqual([["mine"]]);
  expect(await driven("EXECUTE mine")).toEqual([[1n]]);
});

/** Gives up a statement so many steps after it began, if it is not done by then. */
async function giveUpAfter(steps: number, text: string): Promise<void> {
  const done = codeOf(still(text));
  for (let left = steps; left > 0; left -= 1) await Promise.resolve();
  session.cancel();
  expect(["done", "57014"]).toContain(await done);
}

const codeOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => "done",
    (error: { sqlState?: string }) => error.sqlState,
  );

it.each([
  ["RELEASE", ["SAVEPOINT a"], "RELEASE a", "a"],
  ["RELEASE of the lower of two", ["SAVEPOINT a", "SAVEPOINT b"], "RELEASE a", "b"],
  ["ROLLBACK TO the lower of two", ["SAVEPOINT a", "SAVEPOINT b"], "ROLLBACK TO a", "b"],
  ["SAVEPOINT", ["SAVEPOINT a"], "SAVEPOINT b", "b"],
])("a block has the savepoints of its node, whenever %s is given up", async (...given) => {
  const [, before, text, name] = given;
  for (let steps = 0; steps < 30; steps += 1) {
    await driven("BEGIN");
    await driven("UPDATE t SET v = v + 1 WHERE id = 1");
    for (const savepoint of before) await driven(savepoint);
    await giveUpAfter(steps, text);
    expect(["done", "3B001"]).toContain(await codeOf(still(`ROLLBACK TO ${name}`)));
    await driven("ROLLBACK");
    expect(cluster.up.map(({ failure }) => failure)).toEqual([null, null, null]);
  }
  expect(await driven("SELECT v FROM t", other)).toEqual([[0n]]);
});

it("a cancel while rows are sent ends the text, and its implicit transaction", async () => {
  const took = async (): Promise<void> => {
    const text =
      "SET LOCAL lock_timeout = '7s'; INSERT INTO t VALUES (2, 2); COPY (SELECT txid_current()) TO STDOUT";
    for await (const result of session.simpleQuery(text)) {
      if (result.kind === "copyOut") session.cancel();
    }
  };
  await expect(cluster.complete(took())).rejects.toMatchObject({ sqlState: "57014" });
  expect(session.transactionStatus).toBe("I");
  expect(await still("SHOW lock_timeout")).toEqual([["0"]]);
  await driven("BEGIN");
  expect(await driven("SELECT txid_current_if_assigned()")).toEqual([[null]]);
  await driven("COMMIT");
  expect(await driven("SELECT count(*) FROM t", other)).toEqual([[1n]]);
});

it("a statement_timeout says that it may still take effect where it may, and not in a block", async () => {
  const late = (text: string) => failureOf(driven(text));
  await driven("SET statement_timeout = 1");
  expect(await late("INSERT INTO t VALUES (3, 3)")).toMatchObject({
    sqlState: "57014",
    fields: { detail: "If it changes rows, it may still take effect." },
  });
  await still("BEGIN");
  const inBlock = await late("INSERT INTO t VALUES (4, 4)");
  expect(inBlock).toMatchObject({ sqlState: "57014" });
  expect(inBlock).not.toHaveProperty("fields.detail");
});
