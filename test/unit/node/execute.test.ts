/** EXECUTE on a whole node: its values, its errors, and what stands beside it. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loneSession } from "../../support/lone-session.ts";
import { runQuery } from "../../support/session-answers.ts";

const lone = loneSession(
  "CREATE TABLE t (id int PRIMARY KEY, v text)",
  "PREPARE ins (int, text) AS INSERT INTO t VALUES ($1, $2)",
);
const { run, failure, tagsOf, execute, extended } = lone;

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
    expect(lone.session.transactionStatus).toBe("I");
    await run("BEGIN");
    await all();
    expect(lone.session.transactionStatus).toBe("T");
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
      const given = runQuery(lone.session, "EXECUTE moment (now())").catch(
        (error: unknown) => error,
      );
      for (let passed = 0; passed < ticks; passed += 1) await Promise.resolve();
      lone.session.cancel();
      expect([[[1n]], expect.objectContaining({ sqlState: "57014" })]).toContainEqual(
        await lone.cluster.complete(given),
      );
      await lone.cluster.pass(100);
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
    await expect(execute(prepared)).rejects.toMatchObject(changed);
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
      expect(lone.session.transactionStatus).toBe("I");
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
