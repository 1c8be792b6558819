/**
 * Postings that must take effect exactly once: nothing in the table would refuse a second row with
 * the same identity, and each posting adds to one of several counters in the same transaction. What
 * keeps a posting from running twice is Synod alone, which sends it again to each new leader. A
 * client sends a posting again, to another node, only after it was told that nothing happened.
 */
import type pg from "pg";
import type { Operation, Verdict } from "../../checkers/history.ts";
import {
  checkExactlyOnce,
  type LedgerInput,
  type LedgerOutput,
} from "../../checkers/workloads/exactly-once.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { groupBy, joinAttempts } from "./attempts.ts";
import { withNode } from "./client.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import { VALID, type Workload } from "./workload.ts";

const ATTEMPTS_MAX = 40;
const AMOUNT_MAX = 50;
const COUNTERS = 8;

type Input = LedgerInput & { readonly counter: number };
type LedgerOperation = Operation<Input, LedgerOutput>;

interface Posting {
  readonly kind: "add";
  readonly id: string;
  readonly amount: number;
  readonly counter: number;
}

export class LedgerWorkload implements Workload {
  readonly name = "ledger";
  readonly schema = [
    "CREATE TABLE ledger (id int NOT NULL, counter int NOT NULL, amount int NOT NULL)",
    "CREATE TABLE counters (counter int PRIMARY KEY, total int NOT NULL, postings int NOT NULL)",
  ];
  readonly #recorder: Recorder<Input, LedgerOutput>;
  /** Which posting was the last when its counter had so many. */
  readonly #lastOf = new Map<string, string>();
  /** Two postings that were told the same number: one of them did not see the other. */
  #doubled: string | null = null;
  #next = 0;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const { random } = session;
    this.#next += 1;
    const posting: Posting = {
      kind: "add",
      id: String(this.#next),
      amount: 1 + random.below(AMOUNT_MAX),
      counter: random.below(COUNTERS),
    };
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts += 1) {
      const attempt = await this.#recorder.run(session, posting, async (client) => {
        this.#compare(posting, await post(client, posting));
        return { entries: [], counter: 0 };
      });
      if (attempt.outcome !== "failed") return;
      await session.pause();
    }
  }

  async readFinal(node: ClusterNode): Promise<void> {
    for (let counter = 0; counter < COUNTERS; counter += 1) {
      const invokedAt = performance.now();
      const output = await withNode(node, (client) => readCounter(client, counter));
      this.#recorder.operations.push({
        process: -1,
        node: node.name,
        input: { kind: "read", counter },
        output,
        outcome: "ok",
        invokedAt,
        completedAt: performance.now(),
      });
    }
  }

  check(): Verdict {
    for (const operations of this.#byCounter()) {
      const verdict = checkExactlyOnce(operations);
      if (verdict.kind !== "valid") return verdict;
    }
    if (this.#doubled === null) return VALID;
    return { kind: "invalid", anomaly: "lost update", explanation: this.#doubled };
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }

  /** A ledger a counter, in which all attempts of a posting are one operation. */
  #byCounter(): Iterable<LedgerOperation[]> {
    const adds = new Map<string, LedgerOperation>();
    const reads: LedgerOperation[] = [];
    for (const operation of this.#recorder.operations) {
      const { input } = operation;
      if (input.kind === "read") reads.push(operation);
      else adds.set(input.id, joinAttempts(adds.get(input.id), operation));
    }
    return groupBy([...adds.values(), ...reads], ({ input }) => input.counter).values();
  }

  #compare({ id, counter }: Posting, postings: number): void {
    const key = `counter ${counter} after ${postings} postings`;
    const other = this.#lastOf.get(key);
    if (other !== undefined) this.#doubled ??= `postings ${other} and ${id} were both ${key}`;
    this.#lastOf.set(key, id);
  }
}

/** How many postings the counter has with this one. */
async function post(client: pg.Client, { id, counter, amount }: Posting): Promise<number> {
  const added = "total = counters.total + excluded.total, postings = counters.postings + 1";
  const answer: unknown = await client.query(
    `INSERT INTO ledger VALUES (${id}, ${counter}, ${amount}); INSERT INTO counters VALUES (${counter}, ${amount}, 1) ON CONFLICT (counter) DO UPDATE SET ${added} RETURNING postings`,
  );
  const [, counted] = answer as readonly pg.QueryResult<{ postings: number }>[];
  const row = counted?.rows[0];
  if (row === undefined) throw new Error("the counter did not answer");
  return row.postings;
}

/** Nobody writes any more: two statements see one state. */
async function readCounter(client: pg.Client, counter: number): Promise<LedgerOutput> {
  const { rows } = await client.query<{ id: number; amount: number }>(
    "SELECT id, amount FROM ledger WHERE counter = $1",
    [counter],
  );
  const counted = await client.query<{ total: number }>(
    "SELECT total FROM counters WHERE counter = $1",
    [counter],
  );
  return {
    entries: rows.map(({ id, amount }) => ({ id: String(id), amount })),
    counter: counted.rows[0]?.total ?? 0,
  };
}
