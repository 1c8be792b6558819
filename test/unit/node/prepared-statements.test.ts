/** PREPARE, EXECUTE and DEALLOCATE on a whole node, beside the protocol's own prepared statements. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session, StatementResult } from "../../../src/sql/database.ts";
import { SqlError } from "../../../src/sql/errors.ts";
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

  it("makes a number with a point one without a sign, if it is 0, as a numeric is", async () => {
    await run("PREPARE f (float8) AS SELECT $1");
    for (const zero of ["-0.0", "-0e5", "-(0.0)", "0.0", "-0"]) {
      expect(await run(`EXECUTE f (${zero})`)).toEqual([[0]]);
    }
    expect(await run("EXECUTE f ('-0.0')")).toEqual([[-0]]);
    expect(await run("EXECUTE f (-1.5e-3)")).toEqual([[-0.0015]]);
  });

  it("takes thousands of values, computed or not", async () => {
    const count = 5_000;
    const numbers = Array.from({ length: count }, (_, at) => at + 1);
    const sum = numbers.map((number) => `($${number}::int)`).join(", ");
    await run(`PREPARE many AS SELECT sum(x), count(*) FROM (VALUES ${sum}) AS v (x)`);
    const total = [[BigInt((count * (count + 1)) / 2), BigInt(count)]];
    expect(await run(`EXECUTE many (${numbers.join(", ")})`)).toEqual(total);
    expect(await run(`EXECUTE many (1 + 0, ${numbers.slice(1).join(", ")})`)).toEqual(total);
    const computed = numbers.map((number) => `${number - 1} + 1`).join(", ");
    expect(await run(`EXECUTE many (${computed})`)).toEqual(total);
  });
});

describe("what EXECUTE computes", () => {
  it("is of the transaction of the statement: its moment and its id", async () => {
    await run("PREPARE moment (timestamptz) AS SELECT $1 = now()");
    await run("PREPARE day (date, timestamptz) AS SELECT $1 = current_date, $2 = now()");
    await run("PREPARE later (timestamptz) AS SELECT $1 >= now()");
    await run("CREATE TABLE moments (given timestamptz, own timestamptz)");
    await run("PREPARE keep (timestamptz) AS INSERT INTO moments VALUES ($1, now())");
    await run("PREPARE id (xid8) AS SELECT $1 = pg_current_xact_id()");
    const all = async (): Promise<void> => {
      expect(await run("EXECUTE moment (now())")).toEqual([[1n]]);
      expect(await run("EXECUTE moment (current_timestamp)")).toEqual([[1n]]);
      expect(await run("EXECUTE moment ('now')")).toEqual([[1n]]);
      expect(await run("EXECUTE day ('today', now() - interval '0 days')")).toEqual([[1n, 1n]]);
      expect(await run("EXECUTE later (clock_timestamp())")).toEqual([[1n]]);
      expect(await run("EXECUTE id (pg_current_xact_id())")).toEqual([[1n]]);
      await run("EXECUTE keep (now())");
      await run("EXECUTE keep (now()); EXECUTE keep (now())");
      expect((await extended("EXECUTE moment (now())")).rows).toEqual([[1n]]);
      expect((await extended("EXECUTE id (pg_current_xact_id())")).rows).toEqual([[1n]]);
    };
    await all();
    expect(session.transactionStatus).toBe("I");
    await run("BEGIN");
    await all();
    expect(session.transactionStatus).toBe("T");
    await run("COMMIT");
    expect(await run("SELECT count(*), count(*) FILTER (WHERE given = own) FROM moments")).toEqual([
      [6n, 6n],
    ]);
    await run("PREPARE yes (bool) AS SELECT $1");
    expect(await run("EXECUTE yes (txid_current() > 0)")).toEqual([[1n]]);
  });
});

describe("an EXECUTE that its client gives up", () => {
  it("leaves no transaction to what comes next", async () => {
    await run("PREPARE moment (timestamptz) AS SELECT $1 = now()");
    for (let ticks = 0; ticks < 12; ticks += 1) {
      const given = runQuery(session, "EXECUTE moment (now())").catch((error: unknown) => error);
      for (let passed = 0; passed < ticks; passed += 1) await Promise.resolve();
      session.cancel();
      expect([[[1n]], expect.objectContaining({ sqlState: "57014" })]).toContainEqual(
        await cluster.complete(given),
      );
      await cluster.pass(100);
      // It would be refused in a transaction.
      expect(await tagsOf(`CREATE DATABASE other_${ticks}`)).toEqual(["CREATE DATABASE"]);
    }
  });
});

describe("EXECUTE of what is wrong", () => {
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
});

describe("EXECUTE behind a change of the schema", () => {
  it("fails when the statement would return other columns than it did", async () => {
    await run("PREPARE q AS SELECT * FROM t; ALTER TABLE t ADD COLUMN c int");
    expect(await failure("EXECUTE q")).toMatchObject({
      sqlState: "0A000",
      message: "cached plan must not change result type",
    });
    expect(await failure("SELECT 1; EXECUTE q")).toMatchObject({ sqlState: "0A000" });
  });

  const CHANGES = [
    "ALTER TABLE s RENAME a TO c",
    "ALTER TABLE s ALTER a TYPE varchar(9)",
    "ALTER TABLE s ALTER b TYPE numeric(8,3)",
    "ALTER TABLE s ALTER b TYPE int",
    "ALTER TABLE s ADD COLUMN c int",
    "ALTER TABLE s DROP COLUMN a",
    "DROP TABLE s; CREATE TABLE s (b varchar(5), a numeric(5,2))",
  ];

  it.each(CHANGES)("fails after: %s", async (change) => {
    await run("CREATE TABLE s (a varchar(5), b numeric(5,2))");
    await run("PREPARE q AS TABLE s; PREPARE i AS INSERT INTO s VALUES (NULL) RETURNING *");
    await run("PREPARE own AS SELECT count(*) AS a FROM s");
    const { prepared } = await extended("SELECT * FROM s");
    await run(change);
    const changed = { sqlState: "0A000", message: "cached plan must not change result type" };
    expect(await failure("EXECUTE q")).toMatchObject(changed);
    expect(await failure("EXECUTE i")).toMatchObject(changed);
    expect(await failure("BEGIN; EXECUTE q")).toMatchObject(changed);
    await run("ROLLBACK");
    const options = { syncFollows: true };
    await expect(cluster.complete(session.execute(prepared, [], options))).rejects.toMatchObject(
      changed,
    );
    expect(await run("EXECUTE own")).toEqual([[0n]]);
  });

  it("goes on after changes that its columns do not show", async () => {
    await run("PREPARE q AS TABLE t");
    await run("DROP TABLE t; CREATE TABLE t (id int, v text, PRIMARY KEY (v))");
    await run("ALTER TABLE t ALTER v SET DEFAULT 'd'; INSERT INTO t VALUES (1)");
    expect(await run("EXECUTE q")).toEqual([[1n, "d"]]);
  });
});

describe("EXECUTE in a transaction", () => {
  it("is like any other statement", async () => {
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

  it("computes its values when those have run", async () => {
    await run("CREATE SEQUENCE s; CREATE TABLE n (id serial, v bigint)");
    await run("PREPARE give (bigint) AS SELECT $1 AS v; PREPARE take AS SELECT nextval('s')");
    await run("PREPARE n (bigint) AS INSERT INTO n (v) VALUES ($1)");
    await run(
      "PREPARE del (bigint) AS DELETE FROM n WHERE id = $1; PREPARE name (text) AS SELECT $1",
    );
    const last = async (text: string): Promise<boolean> => {
      const [[value] = []] = await run(text);
      const [[current] = []] = await run("SELECT currval('s')");
      return value === current;
    };
    expect(await last("SELECT nextval('s'); EXECUTE give (currval('s'))")).toBe(true);
    expect(
      await last("SELECT nextval('s'); EXECUTE give (lastval() + 0); SELECT currval('s')"),
    ).toBe(true);
    expect(await last("EXECUTE take; EXECUTE take; EXECUTE give (lastval())")).toBe(true);
    expect(await run("SELECT setval('s', 100); EXECUTE give (currval('s'))")).toEqual([[100n]]);
    await run("INSERT INTO n (v) VALUES (7); EXECUTE n (currval('n_id_seq'))");
    expect(await run("SELECT v = 7 OR v = id - 1 FROM n")).toEqual([[1n], [1n]]);
    expect(await tagsOf("EXECUTE n (5); EXECUTE n (6); EXECUTE del (lastval())")).toEqual([
      "INSERT 0 1",
      "INSERT 0 1",
      "DELETE 1",
    ]);
    expect(await run("CREATE TABLE made (a int); EXECUTE name ('made'::regclass::text)")).toEqual([
      ["made"],
    ]);
  });

  it("is undone with them, whether its values are computed or not", async () => {
    await run("CREATE SEQUENCE s; PREPARE moved (bigint) AS INSERT INTO t VALUES ($1)");
    for (const end of ["INSERT INTO t VALUES (1)", "EXECUTE nope", "EXECUTE ins (1 / 0, 'z')"]) {
      const text = `INSERT INTO t VALUES (1); SELECT setval('s', 5); EXECUTE moved (currval('s')); ${end}`;
      expect(await failure(text)).toBeInstanceOf(SqlError);
      expect(session.transactionStatus).toBe("I");
    }
    expect(await run("TABLE t")).toEqual([]);
    expect(await failure("SELECT 1 / 0; EXECUTE nope")).toMatchObject({ sqlState: "22012" });
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
    expect(await failure("SELECT 'ä'; PREPARE x (int, nope) AS SELECT $1")).toMatchObject({
      sqlState: "42704",
      fields: { position: 29 },
    });
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

describe("pg_prepared_statements", () => {
  it("lists what the session has prepared, by whatever means, and nobody else's", async () => {
    await run("DEALLOCATE ALL");
    await run("BEGIN");
    await run("PREPARE a (int, varchar(5), timestamptz, int[]) AS SELECT 'ä\"', $1");
    const moment = await run(
      "SELECT prepare_time <= clock_timestamp() FROM pg_prepared_statements",
    );
    expect(moment).toEqual([[1n]]);
    await run("ROLLBACK");
    await extended("SELECT 2", [], "b");
    await extended("SELECT 3");
    const other = await cluster.connect("n1");
    await cluster.complete(runQuery(other, "PREPARE theirs AS SELECT 4"));
    const text = `SELECT name, statement, parameter_types::text, from_sql, generic_plans, custom_plans
      FROM pg_catalog.pg_prepared_statements ORDER BY name`;
    const types = '{integer,"character varying","timestamp with time zone",integer[]}';
    const statement = "PREPARE a (int, varchar(5), timestamptz, int[]) AS SELECT 'ä\"', $1";
    expect(await run(text)).toEqual([
      ["a", statement, types, 1n, 0n, 0n],
      ["b", "SELECT 2", "{}", 0n, 0n, 0n],
    ]);
    const uses =
      "SELECT name FROM pg_prepared_statements p WHERE 'integer'::regtype = ANY (p.parameter_types)";
    expect(await run(uses)).toEqual([["a"]]);
    expect(
      await run(`SELECT count(*) FROM (${uses}) AS x JOIN pg_prepared_statements USING (name)`),
    ).toEqual([[1n]]);
    await run("DEALLOCATE a");
    expect(await run("SELECT name FROM pg_prepared_statements")).toEqual([["b"]]);
    const kept = "CREATE VIEW v AS SELECT name FROM pg_prepared_statements";
    expect(await failure(kept)).toMatchObject({ sqlState: "0A000" });
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

  it("that are EXECUTE run what has its name then", async () => {
    await run("PREPARE p (int) AS SELECT $1 AS n");
    const { prepared } = await extended("EXECUTE p (4)");
    expect(prepared.columns).toMatchObject([{ name: "n" }]);
    await run("DEALLOCATE p; PREPARE p (int) AS SELECT 'x'::text AS m, $1 AS n");
    expect(prepared.columns).toMatchObject([{ name: "m" }, { name: "n" }]);
    const options = { syncFollows: true };
    const result = await cluster.complete(session.execute(prepared, [], options));
    expect(await shown(result)).toMatchObject({ rows: [["x", 4n]] });
    await run("DEALLOCATE p");
    expect(prepared.columns).toBe(null);
    await expect(extended("EXECUTE itself", [], "itself")).rejects.toMatchObject({
      sqlState: "0A000",
    });
    expect(session.statements.get("itself").columns).toBe(null);
  });

  it("that are EXECUTE take values for the types that came with them, and have no use for them", async () => {
    await run("PREPARE p (int) AS SELECT $1 AS n");
    const prepared = await cluster.complete(session.prepare("EXECUTE p ($1)", [23]));
    expect(prepared.parameterTypes).toEqual([23]);
    const options = { syncFollows: true };
    await expect(cluster.complete(session.execute(prepared, [5n], options))).rejects.toMatchObject({
      sqlState: "42P02",
      fields: { position: 12 },
    });
    await expect(cluster.complete(session.prepare("EXECUTE p (1)", [0]))).rejects.toMatchObject({
      sqlState: "42P18",
    });
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

  it("say which of them a block that has failed lets run, and which are empty", async () => {
    const prepared = (text: string) => cluster.complete(session.prepare(text, []));
    for (const text of ["COMMIT", "END", "ROLLBACK", "ABORT", "ROLLBACK TO s"]) {
      expect(await prepared(text)).toMatchObject({ leavesFailure: true });
    }
    for (const text of ["BEGIN", "SAVEPOINT s", "RELEASE s", "SELECT 1", "EXECUTE ins (1, 'a')"]) {
      expect(await prepared(text)).toMatchObject({ leavesFailure: false });
    }
    expect(await prepared("-- nothing")).toMatchObject({ isEmpty: true, columns: null });
  });

  it("but for the unnamed one are forgotten by DEALLOCATE ALL", async () => {
    session.statements.add("", await cluster.complete(session.prepare("SELECT 1", [])));
    await run("DEALLOCATE ALL");
    expect(session.statements.find("")).toBeDefined();
    expect(session.statements.find("ins")).toBeUndefined();
    await run("DISCARD ALL");
    expect(session.statements.find("")).toBeDefined();
  });

  it("that run others are not run by EXECUTE", async () => {
    await extended("EXECUTE ins (1, 'a')", [], "again");
    expect(await failure("EXECUTE again")).toMatchObject({ sqlState: "0A000" });
  });
});
