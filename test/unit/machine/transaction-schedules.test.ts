/**
 * Goal: whatever transactions do at the same time, those that commit did so one after the other, and
 * what any of them was shown so far was true at one moment (opacity). Method: random schedules of up to
 * four clients on a real machine; after each step a database without concurrency is asked whether the
 * transaction, alone and now, shows the same. A conflict is right exactly if it does not. Now and then
 * the files go from one machine to another, as between the threads of a node.
 */
import { strict as assert } from "node:assert";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type CommandStatement,
  encodeCommand,
  type TransactionItem,
} from "../../../src/machine/command.ts";
import { InProcessMachine } from "../../../src/machine/in-process-machine.ts";
import type { SpeculationRequest, SpeculationResult } from "../../../src/machine/speculation.ts";
import type { AppliedEntry, Outcome } from "../../../src/machine/state-machine.ts";
import type { Sequence } from "../../../src/sql/catalog/catalog.ts";
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
import { type Performed, SerialDatabase, type Shown } from "./schedules/serial-database.ts";
import { TwoMachines } from "./schedules/two-machines.ts";

const DATABASE = 1;
const CLIENTS = 4;
const OID = 16384;
const SEED = new Uint8Array(16).fill(7);
const SEQUENCE: Sequence = {
  kind: "sequence",
  oid: OID,
  name: "s",
  typeOid: 20,
  start: 1n,
  increment: 1n,
  minimum: 1n,
  maximum: 10_000n,
  cycle: false,
  ownedBy: null,
};
const NAMES = ["parent", "child", "numbered", "journal"];
const TABLES = [
  "CREATE TABLE parent (id INTEGER PRIMARY KEY, name INTEGER UNIQUE)",
  "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) ON DELETE CASCADE, amount INTEGER)",
  "CREATE TABLE numbered (id INTEGER PRIMARY KEY, note INTEGER)",
  "CREATE TABLE journal (v INTEGER)",
  "INSERT INTO parent VALUES (1, 1), (2, 2)",
  "INSERT INTO child VALUES (1, 1, 10)",
];

const UPSERT =
  "INSERT INTO numbered VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET note = note + ?2 RETURNING note";

type Build = (a: bigint, b: bigint) => CommandStatement;

/** Without the sequence: these also come outside of transactions. */
const STATEMENTS: readonly Build[] = [
  (a, b) => write("INSERT INTO parent VALUES (?1, ?2)", a, b),
  (a, b) => write("INSERT INTO child (parent, amount) VALUES (?1, ?2)", a, b),
  (a, b) => write("UPDATE child SET amount = amount + ?1 WHERE parent = ?2", a, b),
  (a, b) => write("UPDATE parent SET name = ?2 WHERE id = ?1", a, b),
  (a) => write("DELETE FROM parent WHERE id = ?1", a),
  (a) => write("DELETE FROM child WHERE amount > ?1", a * 5n),
  (a) => returning("SELECT id, parent, amount FROM child WHERE parent = ?1 ORDER BY id", a),
  () => returning("SELECT count(*), sum(amount) FROM child"),
  (a) => returning("SELECT name FROM parent WHERE id = ?1", a),
  (a) => returning("SELECT id, note FROM numbered WHERE note = ?1 ORDER BY id", a),
  (a) => returning("INSERT INTO child (parent, amount) SELECT id, ?1 FROM parent RETURNING id", a),
  // What runs next touches single rows, or adds new ones: most of it gets into nobody's way.
  (a) => write("UPDATE child SET amount = amount + 1 WHERE id = ?1", a),
  (a) => returning("SELECT amount FROM child WHERE id = ?1", a),
  (a) => write("DELETE FROM child WHERE id = ?1", a),
  (a, b) => write("INSERT INTO child VALUES (?1, NULL, ?2)", a, b),
  (a, b) => write("INSERT INTO child VALUES (NULL, NULL, ?1)", a * b),
  (a, b) => returning(UPSERT, a, b),
  (a) => returning("SELECT note FROM numbered WHERE id = ?1", a),
  () => returning("UPDATE numbered SET note = note + 1 WHERE id = 3 RETURNING note"),
  (a, b) => write("UPDATE numbered SET id = ?2 WHERE id = ?1", a, b),
  (a) => write("INSERT INTO journal VALUES (?1)", a),
  () => returning("SELECT count(*), sum(v) FROM journal"),
];
const NUMBERING: readonly Build[] = [
  (a) => returning(`INSERT INTO numbered VALUES (pg_nextval(${OID}), ?1) RETURNING id`, a),
  () => write(`INSERT INTO numbered SELECT pg_nextval(${OID}), id FROM parent`),
];

const step = fc.record({
  client: fc.nat(CLIENTS - 1),
  act: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...STATEMENTS, ...NUMBERING) },
    {
      weight: 6,
      arbitrary: fc.constantFrom("savepoint", "rollbackTo", "release", "commit", "rollback"),
    },
    { weight: 3, arbitrary: fc.constantFrom("handOver", "sendAgain") },
    { weight: 3, arbitrary: fc.constantFrom(...STATEMENTS).map((alone) => ({ alone })) },
  ),
  a: fc.bigInt({ min: 1n, max: 4n }),
  b: fc.bigInt({ min: 1n, max: 4n }),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Open {
  readonly id: number;
  readonly items: TransactionItem[];
  readonly performed: Performed[];
  depth: number;
}

class Schedule {
  readonly machine = new TwoMachines(temporaryDirectory(), NODE);
  readonly serial = new SerialDatabase(TABLES);
  readonly log: AppliedEntry[] = [];
  readonly #gateway = new Gateway();
  readonly #open = new Map<number, Open>();
  /** Values of the sequence: none comes twice, whatever became of its transaction. */
  readonly #taken = new Set<bigint>();
  #transactions = 0;
  last: { readonly command: Uint8Array; readonly outcome: Outcome | undefined } | null = null;
  committed = 0;
  conflicts = 0;

  async begin(): Promise<void> {
    await this.#decide(openSession());
    await this.#decide(this.#gateway.command(TABLES.map((sql) => write(sql))));
    const sequence = schema(
      catalogStep(SEQUENCE),
      "INSERT INTO _synod_sequences VALUES ('s', 1, 0, 1, 1, 1, 10000, 0)",
    );
    await this.#decide(this.#gateway.command([sequence]));
  }

  async perform({ client, act, a, b }: Step): Promise<void> {
    if (typeof act === "object") return this.#alone(act.alone(a, b));
    if (act === "handOver") return this.machine.handOver();
    if (act === "sendAgain") return this.#sendAgain();
    const open = this.#open.get(client) ?? this.#new(client);
    if (typeof act === "function") return this.#try(client, open, act(a, b));
    if (act === "commit") return this.#commit(client, open);
    if (act === "rollback") return this.#end(client, open);
    if (act === "savepoint") return this.#control(client, open, act, open.depth);
    if (open.depth > 0) return this.#control(client, open, act, Number(a) % open.depth);
  }

  #new(client: number): Open {
    this.#transactions += 1;
    const open = { id: this.#transactions, items: [], performed: [], depth: 0 };
    this.#open.set(client, open);
    return open;
  }

  #end(client: number, open: Open): void {
    this.#open.delete(client);
    this.machine.endTransaction(DATABASE, open.id);
  }

  async #alone(statement: CommandStatement): Promise<void> {
    const outcome = await this.#decide(this.#gateway.command([statement]));
    const result = outcome?.kind === "done" ? outcome.results[0] : undefined;
    const shown = result === undefined ? "failed" : (result.rows ?? result.count);
    const performed = { kind: "statement", statement, values: [], shown } as const;
    assert.ok(this.serial.shows([performed], "keep"), "a statement alone shows what it would");
  }

  async #try(client: number, open: Open, statement: CommandStatement): Promise<void> {
    const item = { kind: "statement", statement, clockMicros: TIMESTAMP, rowsShown: null } as const;
    const result = await this.#speculate(open, item);
    if (result.kind === "conflict") return this.#ended(client, open);
    if (result.kind !== "done" && result.kind !== "failed") throw new Error(result.kind);
    const { digest, sequenceValues } = result;
    const shown: Shown =
      result.kind === "failed" ? "failed" : (result.outcome.rows ?? result.outcome.count);
    open.items.push({ ...item, digest, sequenceValues });
    const values = sequenceValues.flatMap(([, taken]) => taken);
    open.performed.push({ kind: "statement", statement, values, shown });
    assert.ok(this.serial.shows(open.performed, "undo"), "what was shown so far is true now");
    for (const value of values) {
      assert.ok(!this.#taken.has(value), `value ${value} is given once`);
      this.#taken.add(value);
    }
  }

  async #control(
    client: number,
    open: Open,
    kind: "savepoint" | "rollbackTo" | "release",
    level: number,
  ): Promise<void> {
    const result = await this.#speculate(open, { kind, level });
    if (result.kind === "conflict") return this.#ended(client, open);
    open.items.push({ kind, level });
    open.performed.push({ kind, level });
    open.depth = kind === "release" ? level : level + 1;
  }

  /** Before the end of the transaction was said, the log had made what it was shown untrue. */
  #ended(client: number, open: Open): void {
    this.conflicts += 1;
    assert.ok(!this.serial.shows(open.performed, "undo"), "a conflict has a reason");
    this.#open.delete(client);
  }

  async #commit(client: number, open: Open): Promise<void> {
    this.#end(client, open);
    const catalogVersion = this.#gateway.version;
    const outcome = await this.#decide(
      encodeCommand({
        kind: "transaction",
        identity: this.#gateway.identity(),
        database: DATABASE,
        catalogVersion,
        catalogVersionAfter: catalogVersion,
        seed: SEED,
        startedMicros: TIMESTAMP,
        xid: 0,
        aborts: false,
        items: open.items,
      }),
    );
    const holds = this.serial.shows(open.performed, "keep");
    assert.equal(outcome?.kind, holds ? "done" : "conflict");
    if (outcome.kind === "done") this.committed += 1;
    else this.conflicts += 1;
  }

  async #speculate(open: Open, item: SpeculationRequest["item"]): Promise<SpeculationResult> {
    const catalogVersion = this.#gateway.version;
    const start = { catalogVersion, seed: SEED, startedMicros: TIMESTAMP, items: open.items };
    const request = { database: DATABASE, transaction: open.id, start, item };
    for (;;) {
      const result = this.machine.speculate(request);
      if (result.kind !== "sequenceShortage") return result;
      const { sequence, had } = result;
      const identity = this.#gateway.identity();
      const reserve = { kind: "reserve", identity, database: DATABASE, sequence } as const;
      await this.#decide(encodeCommand({ ...reserve, count: had + 2 }));
    }
  }

  /** A command that comes a second time has the outcome that it had, and does nothing. */
  async #sendAgain(): Promise<void> {
    const { last } = this;
    if (last === null) return;
    const again = await this.#decide(last.command);
    assert.equal(again?.kind, last.outcome?.kind);
  }

  async #decide(command: Uint8Array): Promise<Outcome | undefined> {
    const slot = this.log.length + 1;
    const entry = { slot, timestampMicros: TIMESTAMP + slot, commands: [command] };
    this.log.push(entry);
    const outcome = this.machine.apply([entry]).reports[0]?.outcome;
    this.last = { command, outcome };
    return outcome;
  }
}

/** Of a machine to which the same was applied, and on which nothing was tried. */
async function hashOfLog(log: readonly AppliedEntry[]): Promise<unknown> {
  const options = { directory: temporaryDirectory(), node: NODE + 1, durability: "none" } as const;
  const machine = new InProcessMachine(options);
  await machine.open();
  await machine.apply(log);
  const hash = await machine.contentHash();
  await machine.close();
  return hash;
}

async function rowsOf(machine: InProcessMachine, table: string): Promise<unknown> {
  const { rows } = await machine.read({
    database: DATABASE,
    catalogVersion: 1,
    sql: `SELECT * FROM ${table} ORDER BY 1`,
    parameters: [],
    timestampMicros: TIMESTAMP,
    usesSystemRelations: false,
    firstRows: 100_000,
  });
  return rows;
}

test("random schedules of transactions, whatever they meet, are those that commit, in that order", async () => {
  const seen = { committed: 0, conflicts: 0 };
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 20, maxLength: 60 }),
    async (steps) => {
      const schedule = new Schedule();
      await schedule.begin();
      for (const each of steps) await schedule.perform(each);
      const machine = await schedule.machine.finish();
      for (const table of NAMES) {
        expect(await rowsOf(machine, table)).toEqual(schedule.serial.rows(table));
      }
      expect(await hashOfLog(schedule.log)).toEqual(await machine.contentHash());
      await machine.close();
      schedule.serial.close();
      seen.committed += schedule.committed;
      seen.conflicts += schedule.conflicts;
    },
  );
  await fc.assert(property, { numRuns: 40 });
  expect(seen.committed).toBeGreaterThan(0);
  expect(seen.conflicts).toBeGreaterThan(0);
}, 60_000);
