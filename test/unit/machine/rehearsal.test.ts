/**
 * A statement that is tried before it goes to the log, and is no part of a transaction: it tells whether it would
 * fail, and nothing of it stays, neither in the state nor in what transactions are trying.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type CommandStatement, encodeCommand } from "../../../src/machine/command.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { SpeculationRequest } from "../../../src/machine/speculation.ts";
import type { Outcome } from "../../../src/machine/state-machine.ts";
import {
  catalogStep,
  Gateway,
  NODE,
  openSession,
  returning,
  schema,
  TIMESTAMP,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

vi.mock("../../../src/base/limits.ts", async (original) => ({
  ...(await original<object>()),
  STATEMENT_ROWS_MAX: 6400,
}));

const DATABASE = 1;
const SEQUENCE = {
  kind: "sequence",
  oid: 16384,
  name: "s",
  typeOid: 20,
  start: 1n,
  increment: 1n,
  minimum: 1n,
  maximum: 100n,
  cycle: false,
  ownedBy: null,
} as const;
const NEXT = "pg_nextval(16384)";
/** A condition that holds, with a loop in a loop: a statement without is not run. */
const LONG = "WHERE (SELECT count(*) FROM t x, t y) >= 0";

let machine: Machine;
let slot: number;
let gateway: Gateway;

beforeEach(() => {
  machine = new Machine({ directory: temporaryDirectory(), node: NODE, durability: "none" });
  machine.open();
  slot = 0;
  gateway = new Gateway();
  decide(openSession());
  run(write("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)"));
  run(write("INSERT INTO t VALUES (1, 10), (2, 20)"));
  run(write(catalogStep(SEQUENCE)));
  run(write("INSERT INTO _synod_sequences VALUES ('s', 1, 0, 1, 1, 1, 100, 0)"));
  // It reads the catalog when it opens.
  machine.close();
  machine.open();
});

afterEach(() => machine.close());

function decide(...commands: Uint8Array[]): readonly Outcome[] {
  slot += 1;
  const { reports } = machine.apply([{ slot, timestampMicros: TIMESTAMP + slot, commands }]);
  return reports.map(({ outcome }) => outcome);
}

function run(...statements: CommandStatement[]): Outcome | undefined {
  return decide(gateway.command(statements))[0];
}

function speculate(transaction: number, item: SpeculationRequest["item"], catalogVersion = 0) {
  const seed = new Uint8Array(16).fill(7);
  const start = { catalogVersion, seed, startedMicros: TIMESTAMP, items: [] };
  return machine.speculate({ database: DATABASE, transaction, start, item });
}

const rehearse = (statement: CommandStatement, version = 0) =>
  speculate(99, { kind: "rehearsal", statement }, version);
const tryIn = (transaction: number, statement: CommandStatement) =>
  speculate(transaction, { kind: "statement", statement, clockMicros: TIMESTAMP, rowsShown: null });

const all = () => run(returning("SELECT id, n FROM t ORDER BY id"));
const rowsAre = (...rows: readonly bigint[][]) => ({ kind: "done", results: [{ rows }] });
const UNTOUCHED = rowsAre([1n, 10n], [2n, 20n]);

test("one that would do: it has not", () => {
  expect(rehearse(write(`UPDATE t SET n = n + 1 ${LONG}`)).kind).toBe("done");
  expect(rehearse(returning(`DELETE FROM t ${LONG} RETURNING id`))).toMatchObject({
    kind: "done",
    outcome: { rows: null },
  });
  expect(all()).toMatchObject(UNTOUCHED);
});

test("one that would fail says so, and leaves nothing", () => {
  const statement = write(`UPDATE t SET n = 0 ${LONG}`);
  const twice = { sql: "INSERT INTO t VALUES (1, 1)", parameters: [] };
  const result = rehearse({ ...statement, steps: [...statement.steps, twice] });
  expect(result).toMatchObject({ kind: "failed", error: { sqlState: "23505" } });
  expect(all()).toMatchObject(UNTOUCHED);
});

test("takes nothing from sequences, whether it fails or not", () => {
  expect(rehearse(write(`INSERT INTO t SELECT ${NEXT} + 5, 0 FROM t ${LONG}`)).kind).toBe("done");
  const setval = `INSERT INTO t SELECT pg_setval(16384, 50, 1), 0 ${LONG}`;
  expect(rehearse(write(setval)).kind).toBe("done");
  expect(run(returning(`INSERT INTO t VALUES (${NEXT} + 5, 0) RETURNING id`))).toMatchObject(
    rowsAre([6n]),
  );
});

test("a failure that would keep what it took from a sequence is for the log to find", () => {
  const next = write(`INSERT INTO t SELECT ${NEXT}, 0 ${LONG}`);
  for (const _number of [1, 2]) {
    expect(rehearse(next).kind).toBe("done");
    expect(run(next)).toMatchObject({ kind: "failed", sqlState: "23505" });
  }
  expect(rehearse(next).kind).toBe("done");
  expect(run(next)?.kind).toBe("done");
  // Unless it is too much: the log would run it as long.
  const endless = write(`INSERT INTO t SELECT ${NEXT} % 1 + c1, 0 FROM integer_series(1, 1, 0)`);
  expect(rehearse(endless)).toMatchObject({ kind: "failed", error: { sqlState: "22023" } });
  const many = `INSERT INTO t SELECT c1 + 9, ${NEXT} FROM integer_series(1, 9000, 1) WHERE c1 < 9`;
  expect(rehearse(write(many))).toMatchObject({ kind: "failed", error: { sqlState: "54000" } });
});

test("sees nothing that a transaction is trying, which goes on with it", () => {
  expect(tryIn(1, write("INSERT INTO t VALUES (3, 30)")).kind).toBe("done");
  expect(rehearse(write(`INSERT INTO t SELECT 3, 0 ${LONG}`)).kind).toBe("done");
  expect(tryIn(2, write("DELETE FROM t WHERE id = 2")).kind).toBe("done");
  expect(rehearse(write(`INSERT INTO t SELECT 2, 0 ${LONG}`))).toMatchObject({
    kind: "failed",
    error: { sqlState: "23505" },
  });
  expect(tryIn(1, returning("SELECT count(*) FROM t"))).toMatchObject({
    outcome: { rows: [[3n]] },
  });
  expect(tryIn(2, returning("SELECT count(*) FROM t"))).toMatchObject({
    outcome: { rows: [[1n]] },
  });
  expect(all()).toMatchObject(UNTOUCHED);
});

test("a change of the schema leaves the catalog as it was", () => {
  const made = schema("CREATE TABLE made AS SELECT id FROM t", "UPDATE t SET n = 0");
  expect(rehearse(made).kind).toBe("done");
  expect(rehearse(made).kind).toBe("done");
  expect(all()).toMatchObject(UNTOUCHED);
  expect(run(write("SELECT 1 FROM made"))).toMatchObject({ kind: "failed" });
});

test("one that cannot take minutes is not run", () => {
  expect(rehearse(write("INSERT INTO t VALUES (1, 1)")).kind).toBe("done");
});

test("another version of the schema: nothing runs", () => {
  expect(rehearse(write(`UPDATE t SET n = 0 ${LONG}`), 7)).toEqual({
    kind: "conflict",
    statement: -1,
  });
});

test("values of a sequence that were set aside stay so", () => {
  const identity = gateway.identity();
  const reserve = {
    kind: "reserve",
    identity,
    database: DATABASE,
    sequence: "s",
    count: 3,
  } as const;
  decide(encodeCommand(reserve));
  expect(rehearse(write(`INSERT INTO t SELECT ${NEXT} + 5, 0 ${LONG}`)).kind).toBe("done");
  const insert = returning(`INSERT INTO t VALUES (${NEXT} + 5, 0) RETURNING id`);
  expect(tryIn(1, insert)).toMatchObject({
    outcome: { rows: [[6n]] },
    sequenceValues: [["s", [1n]]],
  });
});
