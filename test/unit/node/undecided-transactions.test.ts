/** A COMMIT or ROLLBACK that nobody answered is decided as soon as its node can reach the log again. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { resultOrSqlState, runQuery } from "../../support/session-answers.ts";

let cluster: NodeCluster;
let session: Session;
let gateway: string;
let other: string;

beforeEach(async () => {
  // The end of a session would decide as well, but much later than these tests wait.
  cluster = await NodeCluster.start({ nodes: 3, sessionTimeoutMs: 600_000 });
  gateway = cluster.follower.name;
  other =
    cluster.nodes.find(({ name }) => name !== gateway && name !== cluster.leader?.name)?.name ?? "";
  session = await cluster.connect(gateway);
  await run("CREATE TABLE t (v int); INSERT INTO t VALUES (0)");
});

afterEach(() => cluster.close());

const run = (text: string) => cluster.complete(runQuery(session, text));
const outcomeOf = (text: string) => resultOrSqlState(run(text));

async function open(): Promise<string> {
  await run("BEGIN; UPDATE t SET v = v + 1");
  const [[id] = []] = await run("SELECT pg_current_xact_id()");
  return String(id);
}

async function found(id: string): Promise<readonly unknown[]> {
  const query = `SELECT pg_xact_status('${id}'), v::text FROM t`;
  return (await cluster.sql(other, query))[0] ?? [];
}

async function backAgain(): Promise<void> {
  cluster.mend();
  await cluster.ready();
  await cluster.pass(5000);
}

it("a COMMIT that came to nobody is aborted once its node is back", async () => {
  const id = await open();
  cluster.isolate(gateway);
  // By now it knows that it has no leader: nothing is proposed.
  await cluster.pass(2000);
  expect(await outcomeOf("COMMIT")).toBe("57P03");
  expect(await found(id)).toEqual(["in progress", "0"]);
  await backAgain();
  expect(await found(id)).toEqual(["aborted", "0"]);
});

it("a COMMIT of which only the answer is lost stays committed", async () => {
  const id = await open();
  for (const { name } of cluster.nodes) if (name !== gateway) cluster.cut(name, gateway);
  expect(await outcomeOf("COMMIT")).toBe("40003");
  expect(await found(id)).toEqual(["committed", "1"]);
  await backAgain();
  expect(await found(id)).toEqual(["committed", "1"]);
});

it("a ROLLBACK that came to nobody is told later", async () => {
  const id = await open();
  cluster.isolate(gateway);
  await cluster.pass(2000);
  await run("ROLLBACK");
  await backAgain();
  expect(await found(id)).toEqual(["aborted", "0"]);
});

it("of many that were not answered each is told", async () => {
  const ids: string[] = [];
  const sessions: Session[] = [];
  for (let count = 0; count < 5; count += 1) {
    session = await cluster.connect(gateway);
    sessions.push(session);
    ids.push(await open());
  }
  cluster.isolate(gateway);
  await cluster.pass(2000);
  const ends = sessions.map((each) => runQuery(each, "COMMIT").catch(() => undefined));
  await cluster.complete(Promise.all(ends));
  await backAgain();
  for (const id of ids) expect(await found(id)).toEqual(["aborted", "0"]);
});
