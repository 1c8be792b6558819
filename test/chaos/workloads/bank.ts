/**
 * Transfers between accounts, as two statements of one query or as a transaction that reads both balances
 * and writes what it has computed, with a rule that no account goes below zero: one that breaks it must
 * leave nothing behind. The total is the same in every read, on every
 * node, stale reads included.
 */
import type pg from "pg";
import type { Verdict } from "../../checkers/history.ts";
import { type BankInput, type BankOutput, checkBank } from "../../checkers/workloads/bank.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { withNode } from "./client.ts";
import { inTransaction } from "./in-transaction.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

const ACCOUNTS = 6;
const BALANCE = 100;
const TOTAL = ACCOUNTS * BALANCE;

/** `consistency` tells whoever reads the history; the total is promised to stale reads too. */
type Input = BankInput & { readonly consistency?: "linearizable" | "stale" };

export class BankWorkload implements Workload {
  readonly name = "bank";
  readonly schema = [
    "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))",
    `INSERT INTO accounts VALUES ${accounts().join(", ")}`,
  ];
  readonly #recorder: Recorder<Input, BankOutput>;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const { random } = session;
    if (random.below(3) === 0) {
      const consistency = random.below(3) === 0 ? "stale" : "linearizable";
      await this.#recorder.run(session, { kind: "read", consistency }, async (client) => {
        await client.query(`SET synod.read_consistency = '${consistency}'`);
        return balances(client);
      });
      return;
    }
    const from = random.below(ACCOUNTS);
    const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + random.below(BALANCE);
    const input = { kind: "transfer", from: String(from), to: String(to), amount } as const;
    const isInteractive = random.below(2) === 0;
    await this.#recorder.run(session, input, async (client) => {
      if (isInteractive) return inTransaction(client, () => transfer(client, { from, to, amount }));
      await client.query(
        `UPDATE accounts SET balance = balance + ${amount} WHERE id = ${to}; UPDATE accounts SET balance = balance - ${amount} WHERE id = ${from}`,
      );
      return {};
    });
  }

  async readFinal(node: ClusterNode): Promise<void> {
    const output = await withNode(node, balances);
    const at = performance.now();
    this.#recorder.operations.push({
      process: -1,
      node: node.name,
      input: { kind: "read", consistency: "linearizable" },
      output,
      outcome: "ok",
      invokedAt: at,
      completedAt: at,
    });
  }

  check(): Verdict {
    return checkBank(this.#recorder.operations, { total: TOTAL, overdraft: "forbidden" });
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}

function accounts(): string[] {
  return Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${BALANCE})`);
}

async function transfer(
  client: pg.Client,
  { from, to, amount }: { from: number; to: number; amount: number },
): Promise<BankOutput> {
  const read = await balances(client);
  const left = (read[`${from}`] ?? 0) - amount;
  const right = (read[`${to}`] ?? 0) + amount;
  await client.query(`UPDATE accounts SET balance = ${right} WHERE id = ${to}`);
  await client.query(`UPDATE accounts SET balance = ${left} WHERE id = ${from}`);
  return {};
}

async function balances(client: pg.Client): Promise<BankOutput> {
  const { rows } = await client.query<{ id: number; balance: number }>(
    "SELECT id, balance FROM accounts",
  );
  return Object.fromEntries(rows.map(({ id, balance }) => [String(id), balance]));
}
