/**
 * Goal: nothing of the machine or the moment gets into replicated state. Method: the same log goes
 * into two machines at different times, in different time zones and cut into different batches.
 */
import { describe, expect, test, vi } from "vitest";
import { InProcessMachine } from "../../../src/machine/in-process-machine.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { ApplyReport } from "../../../src/machine/state-machine.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import {
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  schema,
  TIMESTAMP,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const CLOCK_AND_CHANCE = [
  "random()",
  "hex(randomblob(9))",
  "CURRENT_TIMESTAMP",
  "CURRENT_DATE",
  "CURRENT_TIME",
  "date()",
  "time('now')",
  "datetime('NOW', '+1 day')",
  "datetime(x'6e6f77')",
  "julianday('now', 'subsec')",
  "unixepoch()",
  "unixepoch('subsec')",
  "datetime('subsecond')",
  "strftime('%f %s')",
  "strftime('%J', 'now')",
  "timediff('now', '2020-01-01')",
  "datetime('now' || char(0) || 'x')",
];

/** Later by days, hours, minutes, seconds and milliseconds. */
const OTHER_TIME = TIMESTAMP + 400 * 86_400_000_000 + 20_345_123_000;

function log(): ReturnType<typeof entries> {
  const gateway = new Gateway();
  const columns = CLOCK_AND_CHANCE.map((sql, index) => `c${index} DEFAULT (${sql})`);
  const triggered = CLOCK_AND_CHANCE.slice(0, 8).join(" || '/' || ");
  return entries(
    1,
    [openSession()],
    [
      gateway.command([
        schema(
          `CREATE TABLE t (id INTEGER PRIMARY KEY, ${columns.join(", ")})`,
          "CREATE TABLE seen (what)",
          `CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO seen SELECT ${triggered}; END`,
        ),
      ]),
    ],
    [gateway.command([write("INSERT INTO t (id) VALUES (1), (2)")])],
    [
      gateway.command([returning("INSERT INTO t (id) VALUES (3) RETURNING *")]),
      gateway.command([write("INSERT INTO t (id) VALUES (4)"), returning("SELECT random()")]),
    ],
  );
}

async function run(cut: number): Promise<{ digest: string; hash: string; report: ApplyReport }> {
  const machine = new InProcessMachine({
    directory: temporaryDirectory(),
    node: NODE,
    durability: "none",
  });
  await machine.open();
  await machine.apply(log().slice(0, cut));
  const report = await machine.apply(log().slice(cut));
  const { hash } = await machine.contentHash();
  await machine.close();
  return { digest: report.digest, hash, report };
}

describe("determinism", () => {
  test("the same log gives the same state at another time and in another time zone", async () => {
    const first = await run(2);
    const zone = process.env["TZ"];
    process.env["TZ"] = "Asia/Tokyo";
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2040-01-01T00:00:00Z") });
    const second = await run(3);
    vi.useRealTimers();
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
    expect(second.digest).toBe(first.digest);
    expect(second.hash).toBe(first.hash);
  });

  test("one changed value shows in the digest and in the content hash", async () => {
    const machines = await Promise.all(
      [1n, 2n].map(async (value) => {
        const gateway = new Gateway();
        const machine = new InProcessMachine({
          directory: temporaryDirectory(),
          node: NODE,
          durability: "none",
        });
        await machine.open();
        const table = gateway.command([schema("CREATE TABLE t (v)")]);
        const insert = gateway.command([write("INSERT INTO t VALUES (?)", value)]);
        const { digest } = await machine.apply(entries(1, [openSession()], [table], [insert]));
        const { hash } = await machine.contentHash();
        await machine.close();
        return { digest, hash };
      }),
    );
    expect(machines[0]?.digest).not.toBe(machines[1]?.digest);
    expect(machines[0]?.hash).not.toBe(machines[1]?.hash);
  });

  test.each(CLOCK_AND_CHANCE)("%s answers from the entry and from nothing else", (sql) => {
    expect(answers(sql)).toEqual(answers(sql));
  });

  test.each(CLOCK_AND_CHANCE.filter((sql) => !sql.includes("random")))(
    "%s follows the entry's time",
    (sql) => {
      expect(answers(sql, OTHER_TIME)).not.toEqual(answers(sql));
    },
  );

  test("now is the entry's time, to the precision that SQLite has", () => {
    expect(answers("CURRENT_TIMESTAMP")).toEqual(["2026-01-02 03:04:08"]);
    expect(answers("strftime('%Y-%m-%d %H:%M:%f')")).toEqual(["2026-01-02 03:04:08.678"]);
    expect(answers("unixepoch(x'6e6f77')")).toEqual([1_767_323_048n]);
    expect(answers("date('2024-02-28', '+1 day')")).toEqual(["2024-02-29"]);
  });

  test.each([
    "datetime('now', 'localtime')",
    "datetime('now', 'UTC')",
    "last_insert_rowid()",
    "changes()",
    "total_changes()",
    "sqlite_version()",
    "load_extension('x')",
  ])("%s is refused", (sql) => {
    expect(answers(sql)).toBe("0A000");
  });

  test("random numbers differ between the rows and statements of one command", () => {
    const machine = new Machine({
      directory: temporaryDirectory(),
      node: NODE,
      durability: "none",
    });
    machine.open();
    const command = new Gateway().command([
      returning("SELECT random() UNION ALL SELECT random()"),
      returning("SELECT random()"),
    ]);
    const { reports } = machine.apply(entries(1, [openSession()], [command]));
    const outcome = reports[1]?.outcome;
    const results = outcome?.kind === "done" ? outcome.results : [];
    const numbers = results.flatMap(({ rows }) => rows ?? []).flat();
    expect(new Set(numbers).size).toBe(3);
    machine.close();
  });
});

/** The row of `SELECT sql` as a command, or the SQLSTATE of its refusal. */
function answers(
  sql: string,
  timestampMicros?: number,
): readonly SqliteValue[] | string | undefined {
  const machine = new Machine({
    directory: temporaryDirectory(),
    node: NODE,
    durability: "none",
  });
  machine.open();
  const command = new Gateway().command([returning(`SELECT ${sql}`)]);
  machine.apply(entries(1, [openSession()], []));
  const [entry] = entries(3, [command]);
  if (entry === undefined) throw new Error("one entry was built");
  const { reports } = machine.apply([
    timestampMicros === undefined ? entry : { ...entry, timestampMicros },
  ]);
  machine.close();
  const outcome = reports[0]?.outcome;
  if (outcome?.kind === "failed") return outcome.sqlState;
  return outcome?.kind === "done" ? outcome.results[0]?.rows?.[0] : undefined;
}
