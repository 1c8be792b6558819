/** Write skew over real nodes: two people a duty, of whom one may leave if the other is there. */
import type pg from "pg";
import type { Verdict } from "../../checkers/history.ts";
import {
  checkOnCall,
  type OnCallInput,
  type OnCallOutput,
} from "../../checkers/workloads/on-call.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { withNode } from "./client.ts";
import { inTransaction } from "./in-transaction.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

const DUTIES = 5;

export class OnCallWorkload implements Workload {
  readonly name = "on-call";
  readonly schema = [
    "CREATE TABLE on_call (duty int NOT NULL, person int NOT NULL, there boolean NOT NULL, PRIMARY KEY (duty, person))",
    `INSERT INTO on_call SELECT d, p, true FROM generate_series(0, ${DUTIES - 1}) AS d, generate_series(0, 1) AS p`,
  ];
  readonly #recorder: Recorder<OnCallInput, OnCallOutput>;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const { random } = session;
    const duty = random.below(DUTIES);
    const person = random.below(2);
    const kind = random.below(4) === 0 ? "read" : "change";
    await this.#recorder.run(session, { kind, duty: `${duty}` }, (client) =>
      inTransaction(client, async () => {
        const there = await countOf(client, duty);
        if (kind === "change") {
          // Whoever is alone calls the other; of two one goes.
          await client.query(
            there > 1
              ? `UPDATE on_call SET there = false WHERE duty = ${duty} AND person = ${person}`
              : `UPDATE on_call SET there = true WHERE duty = ${duty}`,
          );
        }
        return there;
      }),
    );
  }

  async readFinal(node: ClusterNode): Promise<void> {
    for (let duty = 0; duty < DUTIES; duty += 1) {
      const output = await withNode(node, (client) => countOf(client, duty));
      const at = performance.now();
      this.#recorder.operations.push({
        process: -1,
        node: node.name,
        input: { kind: "read", duty: `${duty}` },
        output,
        outcome: "ok",
        invokedAt: at,
        completedAt: at,
      });
    }
  }

  check(): Verdict {
    return checkOnCall(this.#recorder.operations);
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}

async function countOf(client: pg.Client, duty: number): Promise<number> {
  const { rows } = await client.query<{ person: number }>(
    `SELECT person FROM on_call WHERE duty = ${duty} AND there`,
  );
  return rows.length;
}
