/**
 * Keys in groups of a few: each is written once, and a transaction reads a group key by key. All
 * transactions must agree on the order in which the keys of a group were written.
 */
import type pg from "pg";
import type { Verdict } from "../../checkers/history.ts";
import {
  checkLongFork,
  type LongForkInput,
  type LongForkOutput,
} from "../../checkers/workloads/long-fork.ts";
import { inTransaction } from "./in-transaction.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

const GROUP_KEYS = 4;
/** Groups that are written and read at one time. */
const OPEN_GROUPS = 3;

export class LongForkWorkload implements Workload {
  readonly name = "long-fork";
  readonly schema = ["CREATE TABLE forks (k int PRIMARY KEY)"];
  readonly #recorder: Recorder<LongForkInput, LongForkOutput>;
  #written = 0;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const { random } = session;
    const open = Math.floor(this.#written / (GROUP_KEYS * OPEN_GROUPS)) * OPEN_GROUPS;
    if (random.below(3) === 0) {
      const at = this.#written % (GROUP_KEYS * OPEN_GROUPS);
      // Neighbours in time belong to different groups.
      const key = (open + (at % OPEN_GROUPS)) * GROUP_KEYS + Math.floor(at / OPEN_GROUPS);
      this.#written += 1;
      const group = Math.floor(key / GROUP_KEYS);
      const input = { kind: "write", group: `${group}`, key: `${key}` } as const;
      await this.#recorder.run(session, input, async (client) => {
        await client.query(`INSERT INTO forks VALUES (${key})`);
        return [];
      });
      return;
    }
    const group = open + random.below(OPEN_GROUPS);
    await this.#recorder.run(session, { kind: "read", group: `${group}` }, (client) =>
      inTransaction(client, () => keysOf(client, group)),
    );
  }

  readFinal(): Promise<void> {
    return Promise.resolve();
  }

  check(): Verdict {
    return checkLongFork(this.#recorder.operations);
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}

async function keysOf(client: pg.Client, group: number): Promise<LongForkOutput> {
  const found: string[] = [];
  for (let key = group * GROUP_KEYS; key < (group + 1) * GROUP_KEYS; key += 1) {
    const { rowCount } = await client.query(`SELECT k FROM forks WHERE k = ${key}`);
    if (rowCount === 1) found.push(`${key}`);
  }
  return found;
}
