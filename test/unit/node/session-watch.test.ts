/** What a node that nobody hears leaves open is closed: its clients' transactions have a certain fate. */
import { afterEach, describe, expect, it } from "vitest";
import { NodeCluster } from "../../support/node-cluster.ts";
import { runQuery } from "../../support/session-answers.ts";

const SESSION_TIMEOUT_MS = 3000;

let cluster: NodeCluster;

afterEach(() => cluster.close());

/** A follower that is cut off in the middle of a transaction, its session there, and the transaction's id. */
async function cutOff() {
  cluster = await NodeCluster.start({ sessionTimeoutMs: SESSION_TIMEOUT_MS });
  await cluster.sql("n1", "CREATE TABLE t (id int PRIMARY KEY)");
  const { name } = cluster.follower;
  const other = cluster.nodes.find((node) => node.name !== name)?.name ?? "";
  const session = await cluster.connect(name);
  const inSession = (text: string) => cluster.complete(runQuery(session, text));
  await inSession("BEGIN");
  await inSession("INSERT INTO t VALUES (1)");
  const [[xid] = []] = await inSession("SELECT pg_current_xact_id()");
  cluster.isolate(name);
  const status = async (): Promise<unknown> =>
    (await cluster.sql(other, `SELECT pg_xact_status('${String(xid)}'::xid8)`))[0]?.[0];
  return { name, other, inSession, status };
}

describe("a node that is cut off", () => {
  it("its transaction is in progress until the timeout is over, then aborted, and it cannot commit", async () => {
    const { inSession, status } = await cutOff();
    await cluster.pass(SESSION_TIMEOUT_MS / 2);
    expect(await status()).toBe("in progress");
    await cluster.pass(SESSION_TIMEOUT_MS);
    expect(await status()).toBe("aborted");
    cluster.mend();
    await cluster.ready();
    await expect(inSession("COMMIT")).rejects.toMatchObject({ sqlState: "40001" });
    expect(await status()).toBe("aborted");
  });

  it("back in time, its transaction commits", async () => {
    const { name, inSession, status } = await cutOff();
    await cluster.pass(SESSION_TIMEOUT_MS / 2);
    cluster.mend();
    await cluster.ready();
    await inSession("COMMIT");
    expect(await status()).toBe("committed");
    expect(await cluster.sql(name, "SELECT id FROM t")).toEqual([[1n]]);
  });

  it("back later, it takes writes again under a session of its own", async () => {
    const { name, other } = await cutOff();
    await cluster.pass(2 * SESSION_TIMEOUT_MS);
    cluster.mend();
    await cluster.ready();
    await cluster.sql(name, "INSERT INTO t VALUES (2)");
    expect(await cluster.sql(other, "SELECT id FROM t")).toEqual([[2n]]);
    await cluster.agree();
  });

  it("the leader's own session is closed by the next leader", async () => {
    cluster = await NodeCluster.start({ sessionTimeoutMs: SESSION_TIMEOUT_MS });
    const first = cluster.leader?.name ?? "";
    const other = cluster.follower.name;
    const session = await cluster.connect(first);
    await cluster.complete(runQuery(session, "BEGIN"));
    const [[xid] = []] = await cluster.complete(runQuery(session, "SELECT pg_current_xact_id()"));
    await cluster.crash(first);
    await cluster.pass(2 * SESSION_TIMEOUT_MS);
    const status = `SELECT pg_xact_status('${String(xid)}'::xid8)`;
    expect(await cluster.sql(other, status)).toEqual([["aborted"]]);
  });
});
