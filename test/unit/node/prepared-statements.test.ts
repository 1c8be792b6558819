/** PREPARE, EXECUTE and DEALLOCATE on a whole node, beside the protocol's own prepared statements. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session, StatementResult } from "../../../src/sql/database.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import { NodeCluster, runQuery } from "../../support/node-cluster.ts";

let cluster: NodeCluster;
let session: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 1 });
  session = await cluster.connect("n1");
  await run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await run("PREPARE ins (int, text) AS INSERT INTO t VALUES ($1, $2)");
});

afterEach(() => cluster.close());

function run(text: string) {
  return cluster.complete(runQuery(session, text));
}

async function failure(text: string): Promise<unknown> {
  try {
    await run(text);
  } catch (error) {
    return error;
  }
  return `did not fail: ${text}`;
}

/** What Parse and Execute answer. */
async function extended(text: string, parameters: readonly SqliteValue[] = [], name = "") {
  const prepared = await cluster.complete(session.prepare(text, []));
  if (name !== "") session.statements.add(name, prepared);
  const result = await cluster.complete(
    session.execute(prepared, parameters, { syncFollows: true }),
  );
  return { prepared, ...(await shown(result)) };
}

async function shown(result: StatementResult) {
  if (result.kind !== "rows") return { tag: result.kind === "command" ? result.tag : result.kind };
  const rows = await cluster.complete(result.rows.next(100));
  result.rows.close();
  return { tag: result.tag(rows.length), rows };
}

async function tagsOf(text: string): Promise<(string | undefined)[]> {
  const results: StatementResult[] = [];
  const gather = async (): Promise<void> => {
    for await (const result of session.simpleQuery(text)) results.push(result);
  };
  await cluster.complete(gather());
  const tags: string[] = [];
  for (const result of results) tags.push((await shown(result)).tag);
  return tags;
}

describe("EXECUTE", () => {
  it("answers with what the prepared statement answers", async () => {
    expect(await tagsOf("EXECUTE ins (1, 'a')")).toEqual(["INSERT 0 1"]);
    expect(await tagsOf("PREPARE q AS SELECT v FROM t WHERE id = $1")).toEqual(["PREPARE"]);
    expect(await run("EXECUTE q (1)")).toEqual([["a"]]);
    expect(await tagsOf("EXECUTE q ('1')")).toEqual(["SELECT 1"]);
    await run("PREPARE u AS UPDATE t SET v = 'b' RETURNING id, v; EXECUTE u");
    expect(await run("TABLE t")).toEqual([[1n, "b"]]);
  });

  it("takes constants of every form, and NULL", async () => {
    await run(
      "PREPARE p (smallint, numeric, bool, date, int[], float8) AS SELECT $1, $2, $3, $4, $5, $6",
    );
    expect(await run("EXECUTE p (-5, 2.50, true, '2024-02-29', '{1,2}'::int[], 1e3)")).toEqual([
      [-5n, "2.50", 1n, "2024-02-29", "[1,2]", 1000],
    ]);
    expect(await run("EXECUTE p (NULL, 7, NULL, NULL, NULL, 3)")).toEqual([
      [null, "7", null, null, null, 3],
    ]);
  });

  it("computes expressions, converted as on their way into a column", async () => {
    await run("PREPARE p (int, text, timestamptz) AS SELECT $1, $2, $3");
    expect(await run("EXECUTE p (2.6, 5, NULL)")).toEqual([[3n, "5", null]]);
    expect(await run("EXECUTE p (1 + 2, upper('a') || 'b', '-infinity')")).toMatchObject([
      [3n, "Ab", expect.anything()],
    ]);
    await run("BEGIN; EXECUTE ins (abs(-7), 'x')");
    expect(await run("EXECUTE p (length('four'), current_setting('TimeZone'), now())")).toEqual([
      [4n, "UTC", (await run("SELECT now()"))[0]?.[0]],
    ]);
    await run("COMMIT");
    expect(await run("TABLE t")).toEqual([[7n, "x"]]);
  });

  it("fails in PostgreSQL's words", async () => {
    const wrongNumber = 'wrong number of parameters for prepared statement "ins"';
    expect(await failure("EXECUTE ins (1)")).toMatchObject({
      sqlState: "42601",
      message: wrongNumber,
      fields: { detail: "Expected 2 parameters but got 1." },
    });
    expect(await failure("EXECUTE ins")).toMatchObject({ sqlState: "42601" });
    expect(await failure("EXECUTE nope")).toMatchObject({
      sqlState: "26000",
      message: 'prepared statement "nope" does not exist',
    });
    expect(await failure("EXECUTE ins (true, 'y')")).toMatchObject({
      sqlState: "42804",
      message: "parameter $1 of type boolean cannot be coerced to the expected type integer",
      fields: { hint: "You will need to rewrite or cast the expression.", position: 14 },
    });
    expect(await failure("EXECUTE ins ('x', 'y')")).toMatchObject({
      sqlState: "22P02",
      message: 'invalid input syntax for type integer: "x"',
      fields: { position: 14 },
    });
    expect(await failure("EXECUTE ins (99999999999, 'y')")).toMatchObject({
      sqlState: "22003",
      message: "integer out of range",
    });
    expect(await failure("EXECUTE ins ((SELECT 1), 'y')")).toMatchObject({
      sqlState: "0A000",
      message: "cannot use subquery in EXECUTE parameter",
    });
    expect(await failure("EXECUTE ins ($1, 'y')")).toMatchObject({ sqlState: "42P02" });
    expect(await failure("EXECUTE ins (count(*), 'y')")).toMatchObject({
      sqlState: "42803",
      message: "aggregate functions are not allowed in EXECUTE parameters",
    });
    expect(await failure("EXECUTE ins (x, 'y')")).toMatchObject({ sqlState: "42703" });
    expect(await failure("EXECUTE ins (generate_series(1, 2), 'y')")).toMatchObject({
      sqlState: "0A000",
    });
    expect(await failure("EXECUTE ins (nextval('s'), 'y')")).toMatchObject({ sqlState: "42P01" });
    expect(await run("TABLE t")).toEqual([]);
  });

  it("gives nothing to a statement without parameters, whatever is written", async () => {
    await run("PREPARE p AS SELECT 7");
    expect(await run("EXECUTE p (1, nope)")).toEqual([[7n]]);
  });

  it("fails when the statement would return other columns than it did", async () => {
    await run("PREPARE q AS SELECT * FROM t; ALTER TABLE t ADD COLUMN c int");
    expect(await failure("EXECUTE q")).toMatchObject({
      sqlState: "0A000",
      message: "cached plan must not change result type",
    });
    expect(await failure("SELECT 1; EXECUTE q")).toMatchObject({ sqlState: "0A000" });
  });

  it("stands in a transaction like any other statement", async () => {
    await run("BEGIN; EXECUTE ins (1, 'a'); SAVEPOINT s");
    expect(await failure("EXECUTE ins (1, 'b')")).toMatchObject({ sqlState: "23505" });
    expect(await failure("EXECUTE nope")).toMatchObject({ sqlState: "25P02" });
    expect(await failure("PREPARE x AS SELECT 1")).toMatchObject({ sqlState: "25P02" });
    expect(await failure("DEALLOCATE ins")).toMatchObject({ sqlState: "25P02" });
    await run("ROLLBACK TO s; EXECUTE ins (2, 'b'); COMMIT");
    expect(await run("SELECT id FROM t ORDER BY id")).toEqual([[1n], [2n]]);
  });
});

describe("EXECUTE beside other statements of one query", () => {
  it("is undone with them", async () => {
    expect(await failure("EXECUTE ins (1, 'a'); EXECUTE ins (1, 'b')")).toMatchObject({
      sqlState: "23505",
    });
    expect(await failure("EXECUTE ins (1, upper('a')); INSERT INTO t VALUES (1)")).toMatchObject({
      sqlState: "23505",
    });
    expect(await failure("INSERT INTO t VALUES (1); EXECUTE nope")).toMatchObject({
      sqlState: "26000",
    });
    expect(await run("TABLE t")).toEqual([]);
    expect(await tagsOf("EXECUTE ins (1, 'a'); EXECUTE ins (2, 'b'); TABLE t")).toEqual([
      "INSERT 0 1",
      "INSERT 0 1",
      "SELECT 2",
    ]);
  });

  it("may be of what was prepared in the same query, for a table that it makes", async () => {
    const text =
      "CREATE TABLE u (id int); PREPARE p AS INSERT INTO u VALUES ($1); EXECUTE p (1); DEALLOCATE p; EXECUTE p (2)";
    expect(await failure(text)).toMatchObject({ sqlState: "26000" });
    expect(await failure("TABLE u")).toMatchObject({ sqlState: "42P01" });
  });

  it("sees the settings that those before it leave", async () => {
    await run("PREPARE at (timestamptz) AS SELECT $1 = '2024-01-01 00:00+01'");
    const text = "SET TimeZone = 'Europe/Berlin'; EXECUTE at ('2024-01-01 00:00')";
    expect(await run(text)).toEqual([[1n]]);
  });
});

describe("PREPARE", () => {
  it("fails for a name that is taken, whoever has taken it, and for what makes no sense", async () => {
    const taken = { sqlState: "42P05", message: 'prepared statement "ins" already exists' };
    expect(await failure("PREPARE ins AS SELECT 1")).toMatchObject(taken);
    await extended("SELECT 1", [], "proto");
    expect(await failure("PREPARE proto AS SELECT 1")).toMatchObject({ sqlState: "42P05" });
    expect(await failure("PREPARE x AS SELECT nope")).toMatchObject({
      sqlState: "42703",
      fields: { position: 21 },
    });
    expect(await failure("PREPARE x (nope) AS SELECT $1")).toMatchObject({ sqlState: "42704" });
    expect(await failure("EXECUTE x")).toMatchObject({ sqlState: "26000" });
  });

  it("is undone by no transaction, only by DEALLOCATE and DISCARD ALL", async () => {
    await run("BEGIN; PREPARE p AS SELECT 1; ROLLBACK");
    expect(await run("EXECUTE p")).toEqual([[1n]]);
    expect(await tagsOf("DEALLOCATE p")).toEqual(["DEALLOCATE"]);
    expect(await failure("DEALLOCATE p")).toMatchObject({ sqlState: "26000" });
    await run("PREPARE p AS SELECT 2; DEALLOCATE ALL");
    expect(await failure("EXECUTE p")).toMatchObject({ sqlState: "26000" });
    await run("PREPARE p AS SELECT 3");
    await run("DISCARD ALL");
    expect(await failure("EXECUTE p")).toMatchObject({ sqlState: "26000" });
  });
});

describe("the protocol's prepared statements", () => {
  it("are run by EXECUTE, and what PREPARE made is theirs", async () => {
    await extended("SELECT $1::int + 1", [1n], "proto");
    expect(await run("EXECUTE proto (5)")).toEqual([[6n]]);
    const made = session.statements.get("ins");
    expect(made.parameterTypes).toEqual([23, 25]);
    const options = { syncFollows: true };
    await cluster.complete(session.execute(made, [9n, "z"], options));
    expect(await run("TABLE t")).toEqual([[9n, "z"]]);
  });

  it("may be PREPARE, EXECUTE and DEALLOCATE themselves", async () => {
    expect(await extended("PREPARE p (int) AS SELECT $1 AS n")).toMatchObject({ tag: "PREPARE" });
    expect(await extended("EXECUTE p (4)")).toMatchObject({
      tag: "SELECT 1",
      rows: [[4n]],
      prepared: { parameterTypes: [], columns: [{ name: "n", typeOid: 23 }] },
    });
    expect(await extended("DEALLOCATE p")).toMatchObject({ tag: "DEALLOCATE" });
    await expect(extended("EXECUTE p (4)")).rejects.toMatchObject({ sqlState: "26000" });
  });

  it("that control transactions are run by EXECUTE as well", async () => {
    await extended("BEGIN", [], "b");
    await run("ROLLBACK");
    await run("EXECUTE b");
    expect(session.transactionStatus).toBe("T");
    await run("ROLLBACK; INSERT INTO t VALUES (1); EXECUTE b; INSERT INTO t VALUES (2)");
    expect(session.transactionStatus).toBe("T");
    await run("ROLLBACK");
    expect(await run("TABLE t")).toEqual([]);
  });

  it("that change a setting count for the values of what EXECUTE runs next", async () => {
    await run("CREATE TABLE moments (at timestamptz)");
    await run("PREPARE zone (text) AS SELECT set_config('TimeZone', $1, false)");
    await run("PREPARE moment (timestamptz) AS INSERT INTO moments VALUES ($1)");
    await run("EXECUTE zone ('America/New_York'); EXECUTE moment ('2026-01-01 00:00')");
    const there = await run("SELECT (at AT TIME ZONE 'UTC')::text FROM moments");
    expect(there).toEqual([["2026-01-01 05:00:00"]]);
  });

  it("that run others are not run by EXECUTE", async () => {
    await extended("EXECUTE ins (1, 'a')", [], "again");
    expect(await failure("EXECUTE again")).toMatchObject({ sqlState: "0A000" });
  });
});
