/** Several statements in one simple query, on a whole node. */
import { describe, expect, it } from "vitest";
import { loneSession } from "../../support/lone-session.ts";
import { noticesOf } from "../../support/session-answers.ts";

describe("the statements of one query", () => {
  const lone = loneSession("CREATE TABLE t (id int PRIMARY KEY)");
  const { run } = lone;

  it("EXPLAIN and system catalogs beside changes run in the same transaction", async () => {
    const text = "CREATE TABLE u (id int); INSERT INTO t VALUES (1); EXPLAIN SELECT * FROM u";
    expect(await run(text)).toEqual([["SCAN u"]]);
    expect(await run("SELECT count(*) FROM t")).toEqual([[1n]]);
  });

  it("BEGIN behind an INSERT takes it into the block", async () => {
    await run("INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)");
    expect(lone.session.transactionStatus).toBe("T");
    await run("ROLLBACK");
    expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("ROLLBACK behind an INSERT undoes it, and what follows is another transaction", async () => {
    await run("INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2)");
    expect(await run("SELECT id FROM t")).toEqual([[2n]]);
  });

  it("SAVEPOINT behind an INSERT is refused, and the INSERT undone", async () => {
    const query = run("INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2)");
    await expect(query).rejects.toMatchObject({ sqlState: "25P01" });
    expect(lone.session.transactionStatus).toBe("I");
    expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("COMMIT at the end changes nothing", async () => {
    await run("INSERT INTO t VALUES (1); COMMIT");
    expect(await run("SELECT count(*) FROM t")).toEqual([[1n]]);
  });

  it("a setting that cannot be set keeps the INSERT before it from running", async () => {
    const query = run("INSERT INTO t VALUES (1); SET no_such_setting = 1");
    await expect(query).rejects.toMatchObject({ sqlState: "42704" });
    expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("a failing INSERT undoes the SET before it", async () => {
    await run("INSERT INTO t VALUES (1)");
    const query = run("SET TimeZone = 'Europe/Berlin'; INSERT INTO t VALUES (1)");
    await expect(query).rejects.toMatchObject({ sqlState: "23505" });
    expect(await run("SHOW TimeZone")).toEqual([["UTC"]]);
  });

  it("a statement sees the settings that those before it leave", async () => {
    await run("CREATE TABLE zones (name text)");
    await run(
      "SET TimeZone = 'Europe/Berlin'; INSERT INTO zones VALUES (current_setting('TimeZone'))",
    );
    expect(await run("SELECT name FROM zones")).toEqual([["Europe/Berlin"]]);
  });

  it("SET LOCAL and SET TRANSACTION hold for the statements behind them, without a warning", async () => {
    const text = "SET LOCAL TimeZone = 'Europe/Berlin'; SELECT current_setting('TimeZone')";
    expect(await lone.cluster.complete(noticesOf(lone.session, text))).toEqual([]);
    expect(await run(text)).toEqual([["Europe/Berlin"]]);
    expect(await run("SHOW TimeZone")).toEqual([["UTC"]]);
    for (const readOnly of ["SET TRANSACTION READ ONLY", "SET transaction_read_only = on"]) {
      const query = run(`${readOnly}; INSERT INTO t VALUES (1)`);
      await expect(query).rejects.toMatchObject({ sqlState: "25006" });
    }
    await run("INSERT INTO t VALUES (1)");
  });

  it("SET LOCAL outside of a transaction warns and changes nothing", async () => {
    const text = "SET LOCAL TimeZone = 'Europe/Berlin'";
    const [notice] = await lone.cluster.complete(noticesOf(lone.session, text));
    expect(notice).toMatchObject({ severity: "WARNING", sqlState: "25P01" });
    expect(await run("SHOW TimeZone")).toEqual([["UTC"]]);
  });

  it("a read that fails frees the cursors of those before it", async () => {
    await run(`INSERT INTO t SELECT generate_series(1, 2000)`);
    for (let time = 0; time < 70; time += 1) {
      const query = run("SELECT id FROM t; SELECT 1 / (id - 1) FROM t");
      await expect(query).rejects.toMatchObject({ sqlState: "22012" });
    }
    expect(await run("SELECT count(*) FROM t")).toEqual([[2000n]]);
  });

  it("results that nobody takes any more are freed", async () => {
    await run(`INSERT INTO t SELECT generate_series(1, 2000)`);
    for (let time = 0; time < 70; time += 1) {
      const results = lone.session.simpleQuery(
        "SELECT id FROM t; SELECT id FROM t; SELECT id FROM t",
      );
      const iterator = results[Symbol.asyncIterator]();
      const first = await lone.cluster.complete(iterator.next());
      if (first.done !== true && first.value.kind === "rows") first.value.rows.close();
      await iterator.return?.();
    }
    expect(await run("SELECT count(*) FROM t")).toEqual([[2000n]]);
  });
});

describe("what PostgreSQL refuses behind other statements of a query", () => {
  const lone = loneSession("CREATE TABLE t (id int PRIMARY KEY)");
  const { run } = lone;

  it.each([
    "INSERT INTO t VALUES (1); CLOSE nope",
    "INSERT INTO t VALUES (1); FETCH 1 FROM nope",
    "INSERT INTO t VALUES (1); DECLARE c CURSOR FOR SELECT 1; MOVE 1 IN nope",
    "INSERT INTO t VALUES (1); DECLARE c CURSOR FOR SELECT 1; DECLARE c CURSOR FOR SELECT 1",
    "CREATE TABLE u (id int); DECLARE c CURSOR FOR SELECT 1; CLOSE nope",
  ])("%s: the protocol refuses the last one, which undoes those before it", async (text) => {
    const isLast = (kinds: readonly string[]): boolean => kinds.length === text.split(";").length;
    const kinds: string[] = [];
    const refused = async (): Promise<void> => {
      for await (const { kind } of lone.session.simpleQuery(text)) {
        kinds.push(kind);
        if (isLast(kinds)) throw new Error("refused");
      }
    };
    await expect(lone.cluster.complete(refused())).rejects.toThrow("refused");
    expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
    await run("CREATE TABLE u (id int)");
  });

  it.each(["VACUUM", "DISCARD ALL", "CREATE DATABASE d"])(
    "%s runs in no transaction: 25001",
    async (text) => {
      for (const before of ["BEGIN", "INSERT INTO t VALUES (1)"]) {
        await expect(run(`${before}; ${text}`)).rejects.toMatchObject({ sqlState: "25001" });
        await run("ROLLBACK");
      }
      expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
    },
  );

  it("a BEGIN that fails leaves no block, and undoes what is before it", async () => {
    const query = run("INSERT INTO t VALUES (1); BEGIN ISOLATION LEVEL READ COMMITTED");
    await expect(query).rejects.toMatchObject({ sqlState: "25001" });
    expect(lone.session.transactionStatus).toBe("I");
    expect(await run("SELECT count(*) FROM t")).toEqual([[0n]]);
  });
});
