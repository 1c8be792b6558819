/**
 * Transfers between accounts and reads of all of them, account by account, in transactions with pauses.
 * Half of the transfers write what they have computed, half add and subtract and leave it to the
 * database that no balance goes below zero.
 */
import type { Operation } from "../../../checkers/history.ts";
import type { BankInput, BankOutput } from "../../../checkers/workloads/bank.ts";
import { ACCOUNTS, BALANCE, MOVE, READ_BALANCE, SET_BALANCE } from "../small-statements.ts";
import { codeOf } from "./client-connection.ts";
import { inTransaction, type Turn } from "./turn.ts";

export type BankOperation = Operation<BankInput, BankOutput>;

interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

/** What an attempt at a transfer has come to, when it is to be committed. */
type Moved = "moved" | "not enough";

export class BankClients {
  readonly history: BankOperation[] = [];

  async step(turn: Turn): Promise<void> {
    await (turn.random.below(3) === 0 ? this.#readAll(turn) : this.#transfer(turn));
  }

  async #readAll(turn: Turn): Promise<void> {
    const { random, record, node } = turn;
    const begin = random.below(2) === 0 ? "BEGIN READ ONLY" : "BEGIN";
    const ended = record.began(node, this.history, { kind: "read" });
    try {
      const balances = await inTransaction(turn, { begin, end: "COMMIT" }, async () => {
        const found: Record<string, number> = {};
        for (let id = 0; id < ACCOUNTS; id += 1) {
          found[`${id}`] = await balanceOf(turn, id);
          await turn.think();
        }
        return found;
      });
      ended("ok", balances);
      record.reached("bank read");
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }

  async #transfer(turn: Turn): Promise<void> {
    const { random, record, node } = turn;
    const from = random.below(ACCOUNTS);
    const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    const transfer = { from, to, amount: 1 + random.below(BALANCE) };
    const input = {
      kind: "transfer",
      from: `${from}`,
      to: `${to}`,
      amount: transfer.amount,
    } as const;
    const run = random.below(2) === 0 ? computed : relative;
    const ended = record.began(node, this.history, input);
    try {
      const frame = { begin: "BEGIN", end: "COMMIT" } as const;
      const moved = await inTransaction(turn, frame, () => run(turn, transfer));
      ended(moved === "moved" ? "ok" : "failed", moved === "moved" ? {} : null);
      record.reached(moved === "moved" ? "bank transfer" : "bank overdraft refused");
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }
}

/** Reads both balances and writes what comes out. */
async function computed(turn: Turn, { from, to, amount }: Transfer): Promise<Moved> {
  const left = await balanceOf(turn, from);
  await turn.think();
  const right = await balanceOf(turn, to);
  if (left < amount) return "not enough";
  await turn.connection.execute(SET_BALANCE, [BigInt(to), BigInt(right + amount)]);
  await turn.think();
  await turn.connection.execute(SET_BALANCE, [BigInt(from), BigInt(left - amount)]);
  return "moved";
}

/** Reads nothing; what the database refuses is undone, and the transaction goes on. */
async function relative(turn: Turn, { from, to, amount }: Transfer): Promise<Moved> {
  const { connection } = turn;
  await connection.say("SAVEPOINT s");
  try {
    await connection.execute(MOVE, [BigInt(to), BigInt(amount)]);
    await turn.think();
    await connection.execute(MOVE, [BigInt(from), BigInt(-amount)]);
    return "moved";
  } catch (error) {
    if (codeOf(error) !== "23514") throw error;
    await connection.say("ROLLBACK TO s");
    return "not enough";
  }
}

async function balanceOf({ connection }: Turn, id: number): Promise<number> {
  const rows = await connection.execute(READ_BALANCE, [BigInt(id)]);
  return Number(rows[0]?.[0]);
}
