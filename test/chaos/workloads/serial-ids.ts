/** Ids out of a sequence, taken in transactions at all nodes, some of which roll back: never the same twice. */
import type { Verdict } from "../../checkers/history.ts";
import {
  checkSerialIds,
  type SerialInput,
  type SerialOutput,
} from "../../checkers/workloads/serial-ids.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { withNode } from "./client.ts";
import { inTransaction } from "./in-transaction.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

export class SerialIdsWorkload implements Workload {
  readonly name = "serial-ids";
  readonly schema = ["CREATE TABLE serials (id serial PRIMARY KEY, note text NOT NULL)"];
  readonly #recorder: Recorder<SerialInput, SerialOutput>;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const insert = "INSERT INTO serials (note) VALUES ('x') RETURNING id";
    const isAlone = session.random.below(3) === 0;
    await this.#recorder.run(session, { kind: "insert" }, async (client) => {
      const one = async (): Promise<SerialOutput> =>
        (await client.query<{ id: number }>(insert)).rows.map(({ id }) => id);
      if (isAlone) return one();
      // One that is taken back leaves a gap and no more.
      await inTransaction(client, one, "ROLLBACK");
      return inTransaction(client, one);
    });
  }

  async readFinal(node: ClusterNode): Promise<void> {
    const invokedAt = performance.now();
    const output = await withNode(node, async (client) => {
      const { rows } = await client.query<{ id: number }>("SELECT id FROM serials");
      return rows.map(({ id }) => id);
    });
    this.#recorder.operations.push({
      process: -1,
      node: node.name,
      input: { kind: "read" },
      output,
      outcome: "ok",
      invokedAt,
      completedAt: performance.now(),
    });
  }

  check(): Verdict {
    return checkSerialIds(this.#recorder.operations, "unique only");
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}
