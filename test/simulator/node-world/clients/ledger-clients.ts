/** A ledger into which each number goes once. */
import type { Operation } from "../../../checkers/history.ts";
import { ENTER } from "../small-statements.ts";
import { codeOf } from "./client-connection.ts";
import type { Turn } from "./turn.ts";

export type LedgerOperation = Operation<number, null>;

export class LedgerClients {
  readonly history: LedgerOperation[] = [];
  #nextValue = 1;

  /** Never given before, to anybody. */
  nextValue(): number {
    const value = this.#nextValue;
    this.#nextValue += 1;
    return value;
  }

  /** Some enter again what is there: an error that is the same everywhere. */
  async enter(turn: Turn): Promise<void> {
    const { connection, record, node } = turn;
    const again = turn.random.below(4) === 0;
    const old = again ? this.#someEntered() : undefined;
    const id = old ?? this.nextValue();
    const ended = old === undefined ? record.began(node, this.history, id) : () => undefined;
    try {
      await connection.execute(ENTER, [BigInt(id)]);
      if (old !== undefined) throw new Error(`${id} was entered twice`);
      ended("ok", null);
    } catch (error) {
      if (codeOf(error) === "23505" && old === undefined)
        throw new Error(`${id} is there already`, { cause: error });
      ended(record.outcomeOf(error), null);
    }
  }

  /** A new number; what became of it. */
  async enterNew({ connection, record, node }: Turn): Promise<LedgerOperation["outcome"]> {
    const id = this.nextValue();
    const ended = record.began(node, this.history, id);
    try {
      await connection.execute(ENTER, [BigInt(id)]);
      ended("ok", null);
      return "ok";
    } catch (error) {
      const outcome = record.outcomeOf(error);
      ended(outcome, null);
      return outcome;
    }
  }

  /** What is refused, inside of a transaction that goes on. */
  async enterAgain({ connection }: Turn): Promise<void> {
    const entered = this.#someEntered();
    try {
      if (entered !== undefined) await connection.execute(ENTER, [BigInt(entered)]);
    } catch (error) {
      if (codeOf(error) !== "23505") throw error;
    }
  }

  #someEntered(): number | undefined {
    return this.history.find(({ outcome }) => outcome === "ok")?.input;
  }
}
