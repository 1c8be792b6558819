/**
 * A change that may run long is tried at its node before it goes to the log: what its client sees is as if it
 * had gone there at once, and what fails never gets there.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { execute, failureOf, runQuery, tagsOf } from "../../support/session-answers.ts";

let cluster: NodeCluster;
let leader: string;
/** At a node that does not lead. */
let session: Session;
let follower: string;
let other: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  leader = cluster.leader?.name ?? "";
  follower = cluster.follower.name;
  session = await cluster.connect(follower);
  other = await cluster.connect(leader);
  await run("CREATE TABLE t (id int PRIMARY KEY, n int)");
  await run("CREATE TABLE numbered (number serial PRIMARY KEY, id int)");
  await run("INSERT INTO t VALUES (1, 10), (2, 20)");
});

afterEach(() => cluster.close());

const run = (text: string, by = session) => cluster.complete(runQuery(by, text));
const failure = (text: string) => failureOf(run(text));
/** The last place of the log that is decided. */
const logLength = () => cluster.status(leader).chosenIndex;
const JOIN = "FROM t a, t b";

/** Decides something that the session's node is not told of. */
async function unheard(text: string): Promise<void> {
  await cluster.pass(500);
  cluster.isolate(follower);
  await run(text, other);
  cluster.mend();
}

describe("what its client is told", () => {
  it("rows, counts and values of sequences are those of the log", async () => {
    const inserted = await run(`INSERT INTO numbered (id) SELECT a.id ${JOIN} RETURNING number`);
    expect(inserted).toEqual([[1n], [2n], [3n], [4n]]);
    expect(await run("SELECT currval('numbered_number_seq'), lastval()")).toEqual([[4n, 4n]]);
    const tags = async (text: string) => cluster.complete(tagsOf(session, text));
    expect(await tags(`INSERT INTO numbered (id) SELECT a.id ${JOIN}`)).toEqual(["INSERT 0 4"]);
    expect(await tags(`CREATE TABLE made AS SELECT a.id ${JOIN}`)).toEqual(["SELECT 4"]);
    expect(await tags("UPDATE t SET n = b.id FROM made b WHERE b.id = t.id")).toEqual(["UPDATE 2"]);
    expect(await tags("DELETE FROM t USING made WHERE t.id = made.id")).toEqual(["DELETE 2"]);
    expect(await run("SELECT max(number), count(*) FROM numbered", other)).toEqual([[8n, 8n]]);
  });

  it("in the extended protocol as well", async () => {
    const text = `INSERT INTO t SELECT a.id + $1, b.n ${JOIN} WHERE b.id = 1 RETURNING id`;
    const prepared = await cluster.complete(session.prepare(text, []));
    const answer = await cluster.complete(execute(session, prepared, [10n]));
    expect(answer).toEqual({ tag: "INSERT 0 2", rows: [[11n], [12n]] });
  });

  it("several statements are one command, of which all or nothing counts", async () => {
    const before = logLength();
    await run(
      `INSERT INTO t VALUES (3, 30); UPDATE t SET n = n + (SELECT count(*) ${JOIN}); SELECT 1`,
    );
    expect(logLength()).toBe(before + 1);
    const one = `DELETE FROM t; INSERT INTO t SELECT a.id, 0 ${JOIN}; INSERT INTO t VALUES (1, 1), (1, 1)`;
    expect(await failure(one)).toMatchObject({ sqlState: "23505" });
    expect(await run("SELECT * FROM t ORDER BY id", other)).toEqual([
      [1n, 19n],
      [2n, 29n],
      [3n, 39n],
    ]);
  });
});

describe("what fails", () => {
  it.each([
    [`INSERT INTO t SELECT a.id, 0 ${JOIN}`, "23505"],
    [`UPDATE t SET n = 1 / (SELECT count(*) - 4 ${JOIN})`, "22012"],
    [`CREATE TABLE made AS SELECT 1 / (a.id - b.id) AS x ${JOIN}`, "22012"],
    [`UPDATE t SET n = 0; INSERT INTO t SELECT a.id, 0 ${JOIN}; SELECT 1`, "23505"],
  ])("never gets to the log: %s", async (text, sqlState) => {
    await cluster.pass(500);
    const before = logLength();
    expect(await failure(text)).toMatchObject({ sqlState });
    expect(logLength()).toBe(before);
    expect(await run("SELECT * FROM t ORDER BY id", other)).toEqual([
      [1n, 10n],
      [2n, 20n],
    ]);
  });

  it("goes there all the same if it cannot take minutes", async () => {
    await cluster.pass(500);
    const before = logLength();
    const text = "INSERT INTO t SELECT a.id, 0 FROM t a JOIN t b ON b.id = a.id";
    expect(await failure(text)).toMatchObject({ sqlState: "23505" });
    expect(logLength()).toBe(before + 1);
  });

  it("keeps the values that it took from a sequence, as in PostgreSQL", async () => {
    await run("INSERT INTO numbered VALUES (1, 0), (2, 0)");
    const text = "INSERT INTO numbered (id) SELECT a.id FROM t a JOIN t b ON a.n = b.n + 10";
    expect(await failure(text)).toMatchObject({ sqlState: "23505" });
    expect(await failure(text)).toMatchObject({ sqlState: "23505" });
    expect(await run(`${text} RETURNING number`)).toEqual([[3n]]);
  });
});

describe("at a node that does not know yet what was acknowledged elsewhere", () => {
  it("what would fail there only does not fail", async () => {
    await unheard("DELETE FROM t WHERE id = 2");
    const text = `INSERT INTO t SELECT a.id + b.id, 5 ${JOIN} WHERE a.n + b.n = 20`;
    expect(await run(`${text} RETURNING id`)).toEqual([[2n]]);
  });

  it("what would not fail there fails", async () => {
    await unheard("INSERT INTO t VALUES (3, 30)");
    const text = `INSERT INTO t SELECT a.id + b.id, 5 ${JOIN} WHERE a.n = 10 AND b.n = 20`;
    expect(await failure(text)).toMatchObject({ sqlState: "23505" });
  });

  it("counts what is there", async () => {
    await unheard("INSERT INTO t VALUES (3, 30)");
    expect(await run(`UPDATE t SET n = (SELECT count(*) ${JOIN}) RETURNING n`)).toEqual([
      [9n],
      [9n],
      [9n],
    ]);
  });

  it("the newest schema counts", async () => {
    await unheard("ALTER TABLE t ADD COLUMN more int; UPDATE t SET more = 7");
    await run("INSERT INTO t (id, more) SELECT a.id + 5, b.more FROM t a, t b WHERE b.n = 10");
    expect(await run("SELECT id, more FROM t WHERE id > 2", other)).toEqual([
      [6n, 7n],
      [7n, 7n],
    ]);
  });
});
