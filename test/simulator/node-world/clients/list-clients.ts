/** Lists that values are appended to, by single statements, several in one query, and transactions. */
import type { SqliteValue } from "../../../../src/sql/values.ts";
import type { Operation } from "../../../checkers/history.ts";
import { APPEND, READ } from "../small-statements.ts";
import type { Rows } from "./client-connection.ts";
import type { LedgerClients } from "./ledger-clients.ts";
import { inTransaction, type Turn } from "./turn.ts";

/** One step of an operation, with what it showed: the whole list afterwards. */
export type ListStep =
  | { readonly kind: "append"; readonly key: number; readonly value: number }
  | { readonly kind: "read"; readonly key: number };

/** The list after each step. */
type Seen = readonly (readonly number[])[];

export type ListOperation = Operation<readonly ListStep[], Seen>;

export class ListClients {
  readonly history: ListOperation[] = [];
  readonly #keys: number;
  readonly #ledger: LedgerClients;

  constructor(keys: number, ledger: LedgerClients) {
    this.#keys = keys;
    this.#ledger = ledger;
  }

  /** One statement. */
  async step(turn: Turn, kind: ListStep["kind"]): Promise<void> {
    const step = this.#drawStep(turn, kind);
    await this.#operate(turn, [step], async () => [await this.#prepared(turn, step)]);
  }

  /** Several steps in one query. */
  async together(turn: Turn): Promise<void> {
    const { random } = turn;
    const steps = Array.from({ length: 2 + random.below(2) }, (_, at) =>
      this.#drawStep(turn, at === 0 || random.below(2) === 0 ? "append" : "read"),
    );
    await this.#operate(turn, steps, () => inOneQuery(turn, steps));
  }

  /** BEGIN … COMMIT with pauses in between: some only read, some undo a part or all of it. */
  async interact(turn: Turn): Promise<void> {
    const { random, record } = turn;
    const onlyReads = random.below(5) === 0;
    const steps = Array.from({ length: 1 + random.below(4) }, () =>
      this.#drawStep(turn, onlyReads || random.below(3) === 0 ? "read" : "append"),
    );
    const end = random.below(12) === 0 ? "ROLLBACK" : "COMMIT";
    const ended = record.began(turn.node, this.history, steps);
    const begin = random.below(4) === 0 && onlyReads ? "BEGIN READ ONLY" : "BEGIN";
    try {
      const seen = await inTransaction(turn, { begin, end }, async () => {
        const lists: (readonly number[])[] = [];
        for (const step of steps) {
          if (!onlyReads && random.below(6) === 0) await this.#undone(turn);
          await turn.think();
          lists.push(await this.#prepared(turn, step));
        }
        return lists;
      });
      ended(end === "COMMIT" ? "ok" : "failed", end === "COMMIT" ? seen : null);
      record.reached(onlyReads ? "transaction that only reads" : "transaction ended");
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }

  /** Something that the transaction does and takes back. */
  async #undone(turn: Turn): Promise<void> {
    await turn.connection.say("SAVEPOINT s");
    await this.#prepared(turn, this.#drawStep(turn, "append"));
    await this.#ledger.enterAgain(turn);
    await turn.connection.say("ROLLBACK TO s");
    turn.record.reached("part of a transaction undone");
  }

  #drawStep({ random }: Turn, kind: ListStep["kind"]): ListStep {
    const key = 1 + random.below(this.#keys);
    return kind === "read" ? { kind, key } : { kind, key, value: this.#ledger.nextValue() };
  }

  async #operate(
    { node, record }: Turn,
    input: readonly ListStep[],
    run: () => Promise<Seen>,
  ): Promise<void> {
    const ended = record.began(node, this.history, input);
    try {
      ended("ok", await run());
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }

  async #prepared({ connection }: Turn, step: ListStep): Promise<readonly number[]> {
    const key = BigInt(step.key);
    const rows =
      step.kind === "read"
        ? await connection.execute(READ, [key])
        : await connection.execute(APPEND, [key, `,${step.value}`]);
    return listOf(rows);
  }
}

/** One transaction, which answers with the lists of its keys after each step. */
async function inOneQuery({ connection }: Turn, steps: readonly ListStep[]): Promise<Seen> {
  const texts = steps.map((step) =>
    step.kind === "read"
      ? READ.replace("$1", `${step.key}`)
      : APPEND.replace("$1", `${step.key}`).replaceAll("$2", `',${step.value}'`),
  );
  const results = await connection.query(texts.join("; "));
  return results.map(listOf);
}

/** A list as it is stored: ",3,7,12". */
export function parseList(text: SqliteValue | undefined): readonly number[] {
  if (typeof text !== "string") return [];
  return text
    .split(",")
    .filter((part) => part !== "")
    .map(Number);
}

function listOf(rows: Rows): readonly number[] {
  return parseList(rows[0]?.[0]);
}
