/**
 * Interactive transactions in the state machine: what is tried at the gateway, what the log makes of
 * it, and that nothing of a try is ever part of the state.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type CommandStatement,
  encodeCommand,
  type TransactionItem,
} from "../../../src/machine/command.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { SpeculationRequest, SpeculationResult } from "../../../src/machine/speculation.ts";
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

const DATABASE = 1;
const SEQUENCE = {
  kind: "sequence",
  typeOid: 20,
  start: 1n,
  increment: 1n,
  minimum: 1n,
  maximum: 100n,
  cycle: false,
  ownedBy: null,
} as const;
const SEED = new Uint8Array(16).fill(7);

let machine: Machine;
let slot: number;
let gateway: Gateway;

beforeEach(() => {
  machine = new Machine({ directory: temporaryDirectory(), node: NODE, durability: "none" });
  machine.open();
  slot = 0;
  gateway = new Gateway();
  decide(openSession());
  run(write("CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)"));
  run(write("CREATE TABLE other (id INTEGER PRIMARY KEY, note TEXT)"));
  run(write("INSERT INTO account VALUES (1, 'ann', 100), (2, 'bob', 100)"));
});

afterEach(() => machine.close());

/** Applies commands in one slot. */
function decide(...commands: Uint8Array[]): readonly Outcome[] {
  slot += 1;
  const { reports } = machine.apply([{ slot, timestampMicros: TIMESTAMP + slot, commands }]);
  return reports.map(({ outcome }) => outcome);
}

function run(...statements: CommandStatement[]): Outcome | undefined {
  return decide(gateway.command(statements))[0];
}

/** One client's transaction at the gateway. */
class Client {
  readonly #id: number;
  readonly items: TransactionItem[] = [];
  #started = false;

  constructor(id: number) {
    this.#id = id;
  }

  try(statement: CommandStatement): SpeculationResult {
    const item = { kind: "statement", statement, clockMicros: TIMESTAMP, rowsShown: null } as const;
    const result = this.#speculate(item);
    if (result.kind === "done" || result.kind === "failed") {
      const { digest, sequenceValues } = result;
      this.items.push({ ...item, digest, sequenceValues });
    }
    return result;
  }

  control(kind: "savepoint" | "rollbackTo" | "release", level: number): void {
    if (this.#speculate({ kind, level }).kind === "done") this.items.push({ kind, level });
  }

  commit(): Outcome | undefined {
    machine.endTransaction(DATABASE, this.#id);
    return decide(this.command())[0];
  }

  command(): Uint8Array {
    return encodeCommand({
      kind: "transaction",
      identity: gateway.identity(),
      database: DATABASE,
      catalogVersion: 0,
      catalogVersionAfter: 0,
      seed: SEED,
      startedMicros: TIMESTAMP,
      xid: 0,
      aborts: false,
      items: this.items,
    });
  }

  #speculate(item: SpeculationRequest["item"]): SpeculationResult {
    const start = { catalogVersion: 0, seed: SEED, startedMicros: TIMESTAMP, items: [] };
    const request = { database: DATABASE, transaction: this.#id, item };
    const result = machine.speculate({ ...request, start: this.#started ? null : start });
    this.#started = true;
    return result;
  }
}

function rowsOf(result: SpeculationResult | Outcome | undefined): unknown {
  if (result?.kind !== "done") return result;
  return "outcome" in result ? result.outcome.rows : result.results[0]?.rows;
}

const balance = (id: number) => returning("SELECT balance FROM account WHERE id = ?1", BigInt(id));
const add = (id: number, amount: number) =>
  write("UPDATE account SET balance = balance + ?1 WHERE id = ?2", BigInt(amount), BigInt(id));
const set = (id: number, amount: number) =>
  write("UPDATE account SET balance = ?1 WHERE id = ?2", BigInt(amount), BigInt(id));

describe("a transaction that nobody disturbs", () => {
  test("sees its own changes, which nobody else sees before the commit", () => {
    const client = new Client(1);
    expect(rowsOf(client.try(balance(1)))).toEqual([[100n]]);
    client.try(add(1, 5));
    expect(rowsOf(client.try(balance(1)))).toEqual([[105n]]);
    expect(rowsOf(run(balance(1)))).toEqual([[100n]]);
    expect(rowsOf(client.try(balance(1)))).toEqual([[105n]]);
    expect(client.commit()).toEqual({ kind: "done", results: [] });
    expect(rowsOf(run(balance(1)))).toEqual([[105n]]);
  });

  test("leaves nothing when it is given up", () => {
    const client = new Client(1);
    client.try(add(1, 5));
    machine.endTransaction(DATABASE, 1);
    expect(rowsOf(run(balance(1)))).toEqual([[100n]]);
  });

  test("survives a checkpoint between two of its statements", () => {
    const client = new Client(1);
    client.try(add(1, 5));
    machine.checkpoint();
    expect(rowsOf(client.try(balance(1)))).toEqual([[105n]]);
    expect(client.commit()?.kind).toBe("done");
  });
});

describe("two transactions", () => {
  test("that both change what both have read: the second to commit meets a conflict", () => {
    const [first, second] = [new Client(1), new Client(2)];
    first.try(balance(1));
    second.try(balance(1));
    first.try(set(1, 110));
    second.try(set(1, 120));
    expect(first.commit()?.kind).toBe("done");
    expect(second.commit()).toEqual({ kind: "conflict", statement: 0 });
    expect(rowsOf(run(balance(1)))).toEqual([[110n]]);
  });

  test("that both add to a balance which neither has read both commit", () => {
    const [first, second] = [new Client(1), new Client(2)];
    first.try(add(1, 5));
    second.try(add(1, 7));
    expect(first.commit()?.kind).toBe("done");
    expect(second.commit()?.kind).toBe("done");
    expect(rowsOf(run(balance(1)))).toEqual([[112n]]);
  });

  test("with write skew: one of the two fails", () => {
    const [first, second] = [new Client(1), new Client(2)];
    const total = returning("SELECT sum(balance) FROM account");
    first.try(total);
    second.try(total);
    first.try(add(1, -150));
    second.try(add(2, -150));
    expect(first.commit()?.kind).toBe("done");
    expect(second.commit()?.kind).toBe("conflict");
  });

  test("in one slot are judged one after the other", () => {
    const [first, second] = [new Client(1), new Client(2)];
    for (const client of [first, second]) {
      client.try(balance(1));
      client.try(set(1, 1));
    }
    const outcomes = decide(first.command(), second.command());
    expect(outcomes.map(({ kind }) => kind)).toEqual(["done", "conflict"]);
  });
});

test("a number that two sequences gave is no mistake of the second transaction", () => {
  for (const [oid, name] of [
    [16384, "s"],
    [16385, "r"],
  ] as const) {
    run(write(catalogStep({ ...SEQUENCE, oid, name })));
    run(write(`INSERT INTO _synod_sequences VALUES ('${name}', 1, 0, 1, 1, 1, 100, 0)`));
  }
  // It reads the catalog when it opens.
  machine.close();
  machine.open();
  for (const sequence of ["s", "r"]) {
    const identity = gateway.identity();
    decide(encodeCommand({ kind: "reserve", identity, database: DATABASE, sequence, count: 3 }));
  }
  const insert = (oid: number) => write(`INSERT INTO other VALUES (pg_nextval(${oid}), 'x')`);
  const [first, second] = [new Client(1), new Client(2)];
  expect(first.try(insert(16384)).kind).toBe("done");
  expect(second.try(insert(16385)).kind).toBe("done");
  expect(first.try(insert(16384)).kind).toBe("done");
  expect(second.try(insert(16385)).kind).toBe("done");
  expect(second.items).toMatchObject([
    { sequenceValues: [["r", [1n]]] },
    { sequenceValues: [["r", [2n]]] },
  ]);
  expect(first.commit()?.kind).toBe("done");
  expect(second.commit()?.kind).toBe("conflict");
});

describe("opacity", () => {
  test("a statement after a change of what was read ends the transaction", () => {
    const client = new Client(1);
    client.try(balance(1));
    run(add(1, 1));
    expect(client.try(balance(2))).toEqual({ kind: "conflict", statement: 0 });
    expect(client.try(balance(2)).kind).toBe("notOpen");
  });

  test("a change that does not alter any result is no conflict", () => {
    const client = new Client(1);
    client.try(balance(1));
    run(add(2, 1));
    expect(rowsOf(client.try(balance(2)))).toEqual([[101n]]);
  });

  test("what a stale statement wrote is looked at again by those that read it", () => {
    const client = new Client(1);
    client.try(write("INSERT INTO other SELECT id, balance FROM account"));
    client.try(returning("SELECT note FROM other WHERE id = 1"));
    run(add(1, 1));
    expect(client.try(returning("SELECT 1")).kind).toBe("conflict");
  });

  test("a change of the schema behind a statement that it makes meaningless is applied all the same", () => {
    const open = new Client(1);
    open.try(set(1, 5));
    const rename = schema("ALTER TABLE other RENAME COLUMN note TO body");
    const outcome = run(write("INSERT INTO other (note) VALUES ('before')"), rename);
    expect(outcome?.kind).toBe("done");
    const drop = schema("DROP TABLE other");
    expect(run(write("INSERT INTO other (body) VALUES ('gone')"), drop)?.kind).toBe("done");
    expect(open.try(balance(1)).kind).toBe("conflict");
  });

  test("a change of the schema ends it", () => {
    const client = new Client(1);
    client.try(balance(1));
    decide(gateway.command([schema("CREATE TABLE third (id INTEGER PRIMARY KEY)")]));
    expect(client.try(balance(1))).toEqual({ kind: "conflict", statement: -1 });
  });
});

describe("failures and savepoints", () => {
  const insertAnn = write("INSERT INTO account VALUES (1, 'ann again', 0)");

  test("a statement that failed has to fail again at the commit", () => {
    const client = new Client(1);
    client.control("savepoint", 0);
    expect(client.try(insertAnn)).toMatchObject({ kind: "failed", error: { sqlState: "23505" } });
    client.control("rollbackTo", 0);
    client.try(write("INSERT INTO other VALUES (1, 'ann was there')"));
    run(write("DELETE FROM account WHERE id = 1"));
    expect(client.commit()).toEqual({ kind: "conflict", statement: 1 });
  });

  test("what was undone is undone at the commit as well", () => {
    const client = new Client(1);
    client.try(add(1, 1));
    client.control("savepoint", 0);
    client.try(add(1, 10));
    client.control("savepoint", 1);
    client.try(add(1, 100));
    client.control("release", 1);
    client.control("rollbackTo", 0);
    run(add(2, 1));
    expect(rowsOf(client.try(balance(1)))).toEqual([[101n]]);
    expect(client.commit()?.kind).toBe("done");
    expect(rowsOf(run(balance(1)))).toEqual([[101n]]);
  });
});

describe("time and chance", () => {
  test("random() answers at the commit what it answered before", () => {
    const client = new Client(1);
    const insert = returning("INSERT INTO other VALUES (1, random()) RETURNING note");
    const shown = rowsOf(client.try(insert));
    client.try(returning("INSERT INTO other VALUES (2, random()) RETURNING note"));
    expect(client.commit()?.kind).toBe("done");
    expect(rowsOf(run(returning("SELECT note FROM other WHERE id = 1")))).toEqual(shown);
  });
});
