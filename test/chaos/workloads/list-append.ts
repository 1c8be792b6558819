/**
 * Transactions of one to four steps that append to lists and read them. Each list is a row of text,
 * so what is read has the whole order of the appends before it in it.
 *
 * Half of them are interactive, BEGIN … COMMIT with each step a message of its own. Of the others one that
 * appends is one query of several statements, which the node runs as one command of the log, its reads
 * included, and one that only reads is one SELECT.
 */
import type pg from "pg";
import type { Random } from "../../../src/base/random.ts";
import type { Verdict } from "../../checkers/history.ts";
import { checkListAppend } from "../../checkers/list-append/check.ts";
import type {
  Step,
  TransactionInput,
  TransactionOutput,
} from "../../checkers/list-append/transaction.ts";
import { inTransaction } from "./in-transaction.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

const KEYS = 3;
/** A list that is this long is left for a new one: every read carries all of it. */
const LIST_LENGTH_MAX = 60;
const STEPS_MAX = 4;

export class ListAppendWorkload implements Workload {
  readonly name = "list-append";
  readonly schema = ["CREATE TABLE lists (k int PRIMARY KEY, v text NOT NULL)"];
  readonly #recorder: Recorder<TransactionInput, TransactionOutput>;
  #appends = 0;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const transaction = this.#draw(session.random);
    const style = session.random.below(2) === 0 ? "upsert" : "update";
    const isInteractive = session.random.below(2) === 0;
    await this.#recorder.run(session, transaction, (client) => {
      if (isInteractive) return inTransaction(client, () => stepByStep(client, transaction, style));
      return transaction.some(({ kind }) => kind === "append")
        ? runSteps(client, transaction, style)
        : readAll(client, transaction);
    });
  }

  readFinal(): Promise<void> {
    return Promise.resolve();
  }

  check(): Verdict {
    return checkListAppend(this.#recorder.operations);
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }

  #draw(random: Random): TransactionInput {
    const first = Math.floor(this.#appends / (LIST_LENGTH_MAX * KEYS)) * KEYS;
    const onlyReads = random.below(3) === 0;
    return Array.from({ length: 1 + random.below(STEPS_MAX) }, (): Step => {
      const key = String(first + random.below(KEYS));
      if (onlyReads || random.below(2) === 0) return { kind: "read", key };
      this.#appends += 1;
      return { kind: "append", key, value: this.#appends };
    });
  }
}

type Style = "upsert" | "update";

async function runSteps(
  client: pg.Client,
  transaction: TransactionInput,
  style: Style,
): Promise<TransactionOutput> {
  const statements = transaction.map((step) =>
    step.kind === "read" ? [selectOf(step.key)] : appendOf(step, style),
  );
  const answer: unknown = await client.query(statements.flat().join("; "));
  const results = (Array.isArray(answer) ? answer : [answer]) as pg.QueryResult<{ v: string }>[];
  let at = 0;
  return transaction.map((step, index) => {
    at += statements[index]?.length ?? 0;
    return step.kind === "read" ? parseList(results[at - 1]?.rows[0]?.v) : null;
  });
}

async function stepByStep(
  client: pg.Client,
  transaction: TransactionInput,
  style: Style,
): Promise<TransactionOutput> {
  const output: (readonly number[] | null)[] = [];
  for (const step of transaction) {
    if (step.kind === "read") {
      const { rows } = await client.query<{ v: string }>(selectOf(step.key));
      output.push(parseList(rows[0]?.v));
    } else {
      for (const statement of appendOf(step, style)) await client.query(statement);
      output.push(null);
    }
  }
  return output;
}

function selectOf(key: string): string {
  return `SELECT v FROM lists WHERE k = ${key}`;
}

function appendOf({ key, value }: { key: string; value: number }, style: Style): string[] {
  if (style === "upsert") {
    const added = "DO UPDATE SET v = lists.v || ',' || excluded.v";
    return [`INSERT INTO lists VALUES (${key}, '${value}') ON CONFLICT (k) ${added}`];
  }
  return [
    `INSERT INTO lists VALUES (${key}, '') ON CONFLICT (k) DO NOTHING`,
    `UPDATE lists SET v = v || CASE WHEN v = '' THEN '' ELSE ',' END || '${value}' WHERE k = ${key}`,
  ];
}

async function readAll(
  client: pg.Client,
  transaction: TransactionInput,
): Promise<TransactionOutput> {
  const keys = [...new Set(transaction.map(({ key }) => key))].join(", ");
  const { rows } = await client.query<{ k: number; v: string }>(
    `SELECT k, v FROM lists WHERE k IN (${keys})`,
  );
  return transaction.map(({ key }) => parseList(rows.find(({ k }) => String(k) === key)?.v));
}

function parseList(text: string | undefined): readonly number[] {
  return text === undefined || text === "" ? [] : text.split(",").map(Number);
}
