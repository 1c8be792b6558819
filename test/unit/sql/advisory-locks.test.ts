/** Queries of advisory locks: what the gateway is told to do, the keys, and what is refused. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import type { AdvisoryLockTranslation } from "../../../src/sql/translation.ts";
import { OID } from "../../../src/sql/types/oids.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();
const harness = new SqliteHarness();
harness.script("CREATE TABLE item (id int PRIMARY KEY, name text)");

function locks(text: string): AdvisoryLockTranslation {
  const translation = harness.translate(text);
  if (translation.kind !== "advisoryLock") throw new Error(`${text} is a ${translation.kind}`);
  return translation;
}

function keys(text: string, parameters: readonly SqliteValue[] = []) {
  return harness.step(locks(text).keys.step, parameters);
}

function failure(text: string): SqlError {
  try {
    harness.translate(text);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`was translated: ${text}`);
}

describe("a query of advisory locks", () => {
  it.each([
    ["pg_advisory_lock(1)", "lock", false, "session", OID.void],
    ["pg_advisory_lock_shared(1)", "lock", true, "session", OID.void],
    ["pg_advisory_xact_lock(1)", "lock", false, "transaction", OID.void],
    ["pg_advisory_xact_lock_shared(1)", "lock", true, "transaction", OID.void],
    ["pg_try_advisory_lock(1)", "try", false, "session", OID.bool],
    ["pg_try_advisory_lock_shared(1)", "try", true, "session", OID.bool],
    ["pg_try_advisory_xact_lock(1)", "try", false, "transaction", OID.bool],
    ["pg_try_advisory_xact_lock_shared(1)", "try", true, "transaction", OID.bool],
    ["pg_advisory_unlock(1)", "unlock", false, "session", OID.bool],
    ["pg_advisory_unlock_shared(1)", "unlock", true, "session", OID.bool],
    ["pg_advisory_unlock_all()", "unlockAll", false, "session", OID.void],
  ] as const)("says what %s does", (call, ...expected) => {
    const [operation, shared, scope, typeOid] = expected;
    const { calls, columns } = locks(`SELECT ${call}`);
    expect(calls).toEqual([{ column: 0, keySpace: "single", operation, shared, scope }]);
    expect(columns).toEqual([
      {
        name: call.slice(0, call.indexOf("(")),
        typeOid,
        typeModifier: -1,
        tableOid: 0,
        columnNumber: 0,
      },
    ]);
  });

  it("gives keys of 64 bits as they are", () => {
    const call = "pg_advisory_lock($1), pg_try_advisory_lock(-9223372036854775808)";
    expect(keys(`SELECT ${call}`, [9_007_199_254_740_993n])).toEqual([
      [9_007_199_254_740_993n, -9_223_372_036_854_775_808n],
    ]);
  });

  it("packs two keys into one of a space of their own", () => {
    const text = "SELECT pg_advisory_lock(1, 2), pg_advisory_lock(-1, -2), pg_advisory_lock(1)";
    expect(keys(text)).toEqual([[(1n << 32n) | 2n, -2n, 1n]]);
    expect(locks(text).calls.map(({ keySpace }) => keySpace)).toEqual(["pair", "pair", "single"]);
  });

  it("keeps the other columns, and their names, beside the keys", () => {
    const text = "SELECT 'before' AS a, pg_catalog.pg_try_advisory_lock(hashtext('job')) AS got, 3";
    expect(locks(text)).toMatchObject({
      calls: [{ column: 1, operation: "try" }],
      columns: [{ name: "a" }, { name: "got", typeOid: OID.bool }, { name: "?column?" }],
      tag: "SELECT",
      tagCounts: true,
    });
    expect(keys(text)).toEqual([["before", -168_112_706n, 3n]]);
  });

  it("has a null for a key that is null, and no row where WHERE does not hold", () => {
    expect(keys("SELECT pg_advisory_lock(NULL)")).toEqual([[null]]);
    expect(keys("SELECT pg_advisory_lock(1, NULL)")).toEqual([[null]]);
    expect(keys("SELECT pg_advisory_lock(1) WHERE false")).toEqual([]);
  });

  it("infers the types of its parameters", () => {
    expect(locks("SELECT pg_advisory_lock($1)").parameterTypes).toEqual([OID.int8]);
    expect(locks("SELECT pg_advisory_lock($1, $2)").parameterTypes).toEqual([OID.int4, OID.int4]);
  });

  it.each([
    "SELECT pg_advisory_lock(id) FROM item",
    "SELECT pg_try_advisory_lock(1) AND true",
    "SELECT (SELECT pg_advisory_lock(1))",
    "SELECT 1 WHERE pg_try_advisory_lock(1)",
    "SELECT 1 FROM item WHERE pg_try_advisory_lock(id)",
    "WITH l AS (SELECT pg_advisory_lock(1)) SELECT * FROM l",
    "SELECT * FROM pg_advisory_lock(1)",
    "SELECT pg_advisory_lock(1) UNION SELECT pg_advisory_lock(2)",
    "SELECT pg_advisory_lock(1), generate_series(1, 3)",
    "INSERT INTO item SELECT 1, pg_try_advisory_lock(1)::text",
    "UPDATE item SET name = 'a' WHERE pg_try_advisory_xact_lock(id)",
    "DELETE FROM item RETURNING pg_advisory_unlock(id)",
    "EXPLAIN SELECT pg_advisory_lock(1)",
    "CREATE VIEW locked AS SELECT pg_try_advisory_lock(1) AS got",
  ])("refuses what it cannot see: %s", (text) => {
    expect(failure(text).sqlState).toBe("0A000");
  });

  it("names the function that it refuses", () => {
    const { message, fields } = failure("SELECT pg_advisory_lock(id) FROM item");
    expect(message).toMatch(/^pg_advisory_lock\(\) anywhere but alone/);
    expect(fields.position).toBe(8);
  });

  it.each([
    ["SELECT pg_advisory_lock()", "42883"],
    ["SELECT pg_advisory_lock('x')", "22P02"],
    ["SELECT pg_advisory_lock(1.5)", "42883"],
    ["SELECT pg_advisory_lock(1, 2, 3)", "42883"],
    ["SELECT pg_advisory_lock(1, 9223372036854775807)", "42883"],
    ["SELECT pg_advisory_unlock_all(1)", "42883"],
  ])("tells a wrong call as PostgreSQL does: %s", (text, sqlState) => {
    expect(failure(text).sqlState).toBe(sqlState);
  });
});

describe("a lock_timeout beside the lock", () => {
  it("takes a lock_timeout of its own, as Kysely's migrator sets one", () => {
    const kysely = `with set_timeout as (
      select set_config('lock_timeout', '3600000', true) as config_val)
      select pg_advisory_lock(3853314791062309107) from set_timeout`;
    const { lockTimeout, calls, keys: read } = locks(kysely);
    expect(lockTimeout).toBe("3600000");
    expect(calls).toMatchObject([{ operation: "lock", scope: "session", column: 0 }]);
    expect(harness.step(read.step, [])).toEqual([[3853314791062309107n]]);
    expect(locks("SELECT pg_advisory_lock(1)").lockTimeout).toBeNull();
  });

  it.each([
    "WITH x AS (SELECT set_config('lock_timeout', '1s', false)) SELECT pg_advisory_lock(1) FROM x",
    "WITH x AS (SELECT set_config('work_mem', '1MB', true)) SELECT pg_advisory_lock(1) FROM x",
    "WITH x AS (SELECT set_config('lock_timeout', $1, true)) SELECT pg_advisory_lock(1) FROM x",
    "WITH x AS (SELECT set_config('lock_timeout', '1s', true) AS s) SELECT s, pg_advisory_lock(1) FROM x",
    "WITH x AS (SELECT set_config('lock_timeout', '1s', true) LIMIT 0) SELECT pg_advisory_lock(1) FROM x",
    "WITH x AS (SELECT set_config('lock_timeout', '1s', true)) SELECT pg_advisory_lock(1) FROM item",
    "WITH x AS (SELECT set_config('lock_timeout', '1s', true)) SELECT 1 FROM x",
  ])("refuses settings in any other form: %s", (text) => {
    expect(failure(text).sqlState).toBe("0A000");
  });
});
