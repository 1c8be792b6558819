/** PREPARE and DEALLOCATE on a whole node, beside the protocol's own prepared statements. */
import { describe, expect, it } from "vitest";
import { loneSession } from "../../support/lone-session.ts";
import { runQuery } from "../../support/session-answers.ts";

const lone = loneSession(
  "CREATE TABLE t (id int PRIMARY KEY, v text)",
  "PREPARE ins (int, text) AS INSERT INTO t VALUES ($1, $2)",
);
const { run, failure, tagsOf, prepare, execute, extended } = lone;

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
    const other = await lone.cluster.connect("n1");
    await lone.cluster.complete(runQuery(other, "PREPARE theirs AS SELECT 4"));
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
    const made = lone.session.statements.get("ins");
    expect(made.parameterTypes).toEqual([23, 25]);
    await execute(made, [9n, "z"]);
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
    expect(await execute(prepared)).toMatchObject({ rows: [["x", 4n]] });
    await run("DEALLOCATE p");
    expect(prepared.columns).toBe(null);
    await expect(extended("EXECUTE itself", [], "itself")).rejects.toMatchObject({
      sqlState: "0A000",
    });
    expect(lone.session.statements.get("itself").columns).toBe(null);
  });

  it("that are EXECUTE take values for the types that came with them, and have no use for them", async () => {
    await run("PREPARE p (int) AS SELECT $1 AS n");
    const prepared = await prepare("EXECUTE p ($1)", [23]);
    expect(prepared.parameterTypes).toEqual([23]);
    await expect(execute(prepared, [5n])).rejects.toMatchObject({
      sqlState: "42P02",
      fields: { position: 12 },
    });
    await expect(prepare("EXECUTE p (1)", [0])).rejects.toMatchObject({
      sqlState: "42P18",
    });
  });

  it("that control transactions are run by EXECUTE as well", async () => {
    await extended("BEGIN", [], "b");
    await run("ROLLBACK");
    await run("EXECUTE b");
    expect(lone.session.transactionStatus).toBe("T");
    await run("ROLLBACK; INSERT INTO t VALUES (1); EXECUTE b; INSERT INTO t VALUES (2)");
    expect(lone.session.transactionStatus).toBe("T");
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
    for (const text of ["COMMIT", "END", "ROLLBACK", "ABORT", "ROLLBACK TO s"]) {
      expect(await prepare(text)).toMatchObject({ leavesFailure: true });
    }
    for (const text of ["BEGIN", "SAVEPOINT s", "RELEASE s", "SELECT 1", "EXECUTE ins (1, 'a')"]) {
      expect(await prepare(text)).toMatchObject({ leavesFailure: false });
    }
    expect(await prepare("-- nothing")).toMatchObject({ isEmpty: true, columns: null });
  });

  it("but for the unnamed one are forgotten by DEALLOCATE ALL", async () => {
    lone.session.statements.add("", await prepare("SELECT 1"));
    await run("DEALLOCATE ALL");
    expect(lone.session.statements.find("")).toBeDefined();
    expect(lone.session.statements.find("ins")).toBeUndefined();
    await run("DISCARD ALL");
    expect(lone.session.statements.find("")).toBeDefined();
  });

  it("that run others are not run by EXECUTE", async () => {
    await extended("EXECUTE ins (1, 'a')", [], "again");
    expect(await failure("EXECUTE again")).toMatchObject({ sqlState: "0A000" });
  });
});
