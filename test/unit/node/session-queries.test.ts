/** pg_sleep() and set_config() on a whole node. */
import { describe, expect, it } from "vitest";
import { loneSession } from "../../support/lone-session.ts";
import { runQuery } from "../../support/session-answers.ts";

const lone = loneSession("CREATE TABLE t (id int PRIMARY KEY)");
const { run, extended } = lone;

/** Virtual milliseconds until an answer, and what it was. */
async function timed(answer: Promise<unknown>) {
  const startedMs = lone.cluster.scheduler.now;
  let error: unknown = null;
  try {
    await lone.cluster.complete(answer);
  } catch (caught) {
    error = caught;
  }
  return { error, tookMs: lone.cluster.scheduler.now - startedMs };
}

describe("pg_sleep()", () => {
  it("answers when the time has passed, and not before", async () => {
    const { error, tookMs } = await timed(runQuery(lone.session, "SELECT pg_sleep(2.5)"));
    expect(error).toBe(null);
    expect(tookMs).toBeGreaterThanOrEqual(2500);
    expect(tookMs).toBeLessThan(2700);
    expect(await run("SELECT pg_sleep(0.1)")).toEqual([[""]]);
    expect((await extended("SELECT pg_sleep($1)", [0.1])).rows).toEqual([[""]]);
  });

  it("does not wait for no time, less than none, and NULL", async () => {
    for (const [seconds, answer] of [
      ["0", ""],
      ["-7", ""],
      ["NULL", null],
    ] as const) {
      const text = `SELECT pg_sleep(${seconds})`;
      expect((await timed(runQuery(lone.session, text))).tookMs).toBeLessThan(100);
      expect(await run(text)).toEqual([[answer]]);
    }
  });

  it("puts nothing into the log", async () => {
    const { appliedIndex } = lone.cluster.status("n1");
    await run("SELECT pg_sleep(3); SELECT pg_sleep(1)");
    expect(lone.cluster.status("n1").appliedIndex).toBe(appliedIndex);
  });

  it.each(["", "BEGIN; INSERT INTO t VALUES (1); "])(
    "%sis ended by a cancel at once: 57014, and the session goes on",
    async (before) => {
      if (before !== "") await run(before);
      const answer = runQuery(lone.session, "SELECT pg_sleep(1e9)");
      answer.catch(() => undefined);
      await lone.cluster.pass(5_000);
      lone.session.cancel();
      const { error, tookMs } = await timed(answer);
      expect(error).toMatchObject({ sqlState: "57014" });
      expect(tookMs).toBeLessThan(100);
      expect(lone.session.transactionStatus).toBe(before === "" ? "I" : "E");
      await run("ROLLBACK");
      expect(await run("SELECT 1")).toEqual([[1n]]);
    },
  );

  it("is ended by statement_timeout: 57014", async () => {
    await run("SET statement_timeout = '1s'");
    const { error, tookMs } = await timed(runQuery(lone.session, "SELECT pg_sleep(10)"));
    expect(error).toMatchObject({
      sqlState: "57014",
      message: "canceling statement due to statement timeout",
    });
    expect(tookMs).toBeLessThan(1_200);
  });

  it("in a transaction lets others go on, and the transaction commits", async () => {
    const other = await lone.cluster.connect("n1");
    await run("BEGIN; INSERT INTO t VALUES (1)");
    const sleeping = runQuery(lone.session, "SELECT pg_sleep(20)");
    await lone.cluster.complete(runQuery(other, "INSERT INTO t VALUES (2)"));
    await lone.cluster.complete(sleeping);
    await run("COMMIT");
    expect(await run("SELECT id FROM t ORDER BY id")).toEqual([[1n], [2n]]);
    await run("INSERT INTO t VALUES (3); SELECT pg_sleep(1); INSERT INTO t VALUES (4)");
    expect(await run("SELECT count(*) FROM t")).toEqual([[4n]]);
  });
});

describe("set_config()", () => {
  const tenant = "SELECT current_setting('app.tenant', true)";

  it("sets for the session, and answers with the new values as SHOW writes them", async () => {
    expect(await run("SELECT pg_catalog.set_config('search_path', '', false)")).toEqual([[""]]);
    expect(await run("SHOW search_path")).toEqual([[""]]);
    const two =
      "SELECT set_config('statement_timeout', '60s', false), set_config('TimeZone', $1, $2)";
    expect((await extended(two, ["Europe/Berlin", 0n])).rows).toEqual([["1min", "Europe/Berlin"]]);
    expect(await run("SHOW TimeZone")).toEqual([["Europe/Berlin"]]);
    expect(await run("SELECT set_config('TimeZone', NULL, NULL)")).toEqual([["UTC"]]);
    expect(lone.session.reportedParameters().get("TimeZone")).toBe("UTC");
    expect(await run("SELECT set_config('app.never_set', NULL, true)")).toEqual([[""]]);
  });

  it("sets locally until the transaction ends", async () => {
    await run("BEGIN; SELECT set_config('app.tenant', '7', true)");
    expect(await run(tenant)).toEqual([["7"]]);
    await run("COMMIT");
    expect(await run(tenant)).toEqual([[null]]);
    expect(await run(`SELECT set_config('app.tenant', '8', true); ${tenant}`)).toEqual([["8"]]);
    expect(await run(tenant)).toEqual([[null]]);
    expect(await run("SELECT set_config('app.tenant', '9', true)")).toEqual([["9"]]);
    expect(await run(tenant)).toEqual([[null]]);
  });

  it("is undone by ROLLBACK and ROLLBACK TO", async () => {
    await run("BEGIN; SELECT set_config('app.tenant', '1', false); SAVEPOINT s");
    await run("SELECT set_config('app.tenant', '2', false)");
    await run("ROLLBACK TO s");
    expect(await run(tenant)).toEqual([["1"]]);
    await run("ROLLBACK");
    expect(await run(tenant)).toEqual([[null]]);
  });

  it("sets nothing if one of its calls fails", async () => {
    const refused = [
      ["SELECT set_config('app.tenant', '1', false), set_config('nope', 'x', false)", "42704"],
      ["SELECT set_config('app.tenant', '1', false), set_config(NULL, 'x', false)", "22004"],
      ["SELECT set_config('app.tenant', '1', false), set_config('jit', 'x', false)", "22023"],
      [
        "SELECT set_config('app.tenant', '1', true), set_config('server_version', '', true)",
        "55P02",
      ],
    ];
    for (const [text = "", sqlState] of refused) {
      await expect(run(text)).rejects.toMatchObject({ sqlState });
      expect(await run(tenant)).toEqual([[null]]);
    }
  });

  it("makes a transaction read only, as SET does, and only that one", async () => {
    await run("BEGIN; SELECT set_config('transaction_read_only', 'on', false)");
    await expect(run("INSERT INTO t VALUES (1)")).rejects.toMatchObject({ sqlState: "25006" });
    await run("ROLLBACK");
    expect(await run("SELECT set_config('transaction_read_only', 'on', false)")).toEqual([["on"]]);
    await run("INSERT INTO t VALUES (1)");
  });

  it("reaches the statements behind it in one query, an EXECUTE's values too", async () => {
    await run("PREPARE at (timestamptz) AS SELECT $1 = '2024-01-01 00:00+01'");
    const text =
      "SELECT set_config('TimeZone', 'Europe/Berlin', true); EXECUTE at ('2024-01-01 00:00')";
    expect(await run(text)).toEqual([[1n]]);
    expect(await run("SHOW TimeZone")).toEqual([["UTC"]]);
  });
});
