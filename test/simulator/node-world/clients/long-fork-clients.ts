/**
 * Keys in groups of a few: each is written once, and a transaction reads a group key by key. All
 * transactions must agree on the order in which the keys of a group were written.
 */
import type { Operation } from "../../../checkers/history.ts";
import type { LongForkInput, LongForkOutput } from "../../../checkers/workloads/long-fork.ts";
import { READ_FORK, WRITE_FORK } from "../small-statements.ts";
import { inTransaction, type Turn } from "./turn.ts";

export type LongForkOperation = Operation<LongForkInput, LongForkOutput>;

const GROUP_KEYS = 4;
/** A reader is as slow as this many thoughts between two keys, so that writes fall in between. */
const THOUGHTS = 2;

export class LongForkClients {
  readonly history: LongForkOperation[] = [];
  #written = 0;

  /** A fork is two writes within one read, and another read between them: so writes come in pairs. */
  async step(turn: Turn): Promise<void> {
    if (turn.random.below(3) > 0) return this.#read(turn);
    await this.#write(turn);
    await turn.think();
    await this.#write(turn);
  }

  async #write({ node, record, connection }: Turn): Promise<void> {
    const key = this.#written;
    const group = Math.floor(key / GROUP_KEYS);
    this.#written += 1;
    const input = { kind: "write", group: `${group}`, key: `${key}` } as const;
    const ended = record.began(node, this.history, input);
    try {
      await connection.execute(WRITE_FORK, [BigInt(key)]);
      ended("ok", []);
      record.reached("long-fork write");
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }

  /** From the first key on or from the last, so that readers meet from both ends. */
  async #read(turn: Turn): Promise<void> {
    const { node, record, random } = turn;
    const group = Math.floor(this.#written / GROUP_KEYS);
    const keys = Array.from({ length: GROUP_KEYS }, (_, at) => group * GROUP_KEYS + at);
    if (random.below(2) === 0) keys.reverse();
    const begin = random.below(2) === 0 ? "BEGIN READ ONLY" : "BEGIN";
    const ended = record.began(node, this.history, { kind: "read", group: `${group}` });
    try {
      const found = await inTransaction(turn, { begin, end: "COMMIT" }, async () => {
        const shown: string[] = [];
        for (const key of keys) {
          const rows = await turn.connection.execute(READ_FORK, [BigInt(key)]);
          if (rows.length > 0) shown.push(`${key}`);
          for (let left = THOUGHTS; left > 0; left -= 1) await turn.think();
        }
        return shown;
      });
      ended("ok", found);
      const isPart = found.length > 0 && found.length < GROUP_KEYS;
      record.reached(isPart ? "long-fork read of a part" : "long-fork read of all or nothing");
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }
}
