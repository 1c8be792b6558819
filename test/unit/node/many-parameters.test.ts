/** Statements with as many parameters as the protocol allows, more than SQLite binds. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { OID } from "../../../src/sql/types/oids.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { runQuery } from "../../support/session-answers.ts";

/** Rows that one query hands out at once. */
const PAGE = 500;

let cluster: NodeCluster;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 1 });
});

afterEach(() => cluster.close());

test("all values arrive as they are, and the statement is translated once", async () => {
  const session = await cluster.connect("n1");
  const create = "CREATE TABLE t (id int PRIMARY KEY, a text, b int8, c bytea, d float8)";
  await cluster.complete(runQuery(session, create));
  const rows: SqliteValue[][] = Array.from({ length: 13_000 }, (_, at) => [
    BigInt(at),
    at % 7 === 0 ? null : `it's ?${at} "and" -- ${at}`,
    at === 5 ? -(2n ** 63n) : BigInt(-at),
    Buffer.from([at % 256, 0]),
    at === 6 ? Number.NEGATIVE_INFINITY : -(at + 1) / 8,
  ]);
  const values = rows.map((_, at) => {
    const places = [1, 2, 3, 4, 5].map((place) => `$${5 * at + place}`);
    return `(${places.join()})`;
  });
  const text = `INSERT INTO t VALUES ${values.join()}`;
  const insert = await cluster.complete(session.prepare(text, []));
  expect(insert.parameterTypes).toHaveLength(65_000);
  expect(insert.parameterTypes.slice(0, 5)).toEqual([
    OID.int4,
    OID.text,
    OID.int8,
    OID.bytea,
    OID.float8,
  ]);
  await cluster.complete(session.execute(insert, rows.flat()));
  for (let from = 0; from < rows.length; from += PAGE) {
    const page = `SELECT * FROM t WHERE id >= ${from} ORDER BY id LIMIT ${PAGE}`;
    const there = await cluster.complete(runQuery(session, page));
    expect(there).toEqual(rows.slice(from, from + PAGE));
  }
});
