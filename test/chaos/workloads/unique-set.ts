/**
 * Elements that are added once and never removed. A client sends an element again, to whichever
 * node it reaches, until it is told that it is there: by the acknowledgement, or by the primary key
 * that refuses it a second time. From then on every read must show it.
 */
import pg from "pg";
import type { Operation, Verdict } from "../../checkers/history.ts";
import {
  checkSetFull,
  type SetFullInput,
  type SetFullOutput,
} from "../../checkers/workloads/set-full.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { groupBy, joinAttempts } from "./attempts.ts";
import { withNode } from "./client.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import { VALID, type Workload } from "./workload.ts";

/** Elements of one part of the set: what one read has to carry. */
const PART = 200;
const ATTEMPTS_MAX = 40;
const UNIQUE_VIOLATION = "23505";

type Input = SetFullInput & { readonly part: number };
type SetOperation = Operation<Input, SetFullOutput>;

export class UniqueSetWorkload implements Workload {
  readonly name = "set";
  readonly schema = [
    "CREATE TABLE elements (part int NOT NULL, element int PRIMARY KEY)",
    "CREATE INDEX elements_by_part ON elements (part)",
  ];
  readonly #recorder: Recorder<Input, SetFullOutput>;
  #next = 0;

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const newest = Math.floor(this.#next / PART);
    if (session.random.below(4) === 0) {
      const part = session.random.below(2) === 0 ? newest : session.random.below(newest + 1);
      await this.#recorder.run(session, { kind: "read", part }, (client) => elements(client, part));
      return;
    }
    const element = this.#next;
    this.#next += 1;
    const input = { kind: "add", part: Math.floor(element / PART), element } as const;
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts += 1) {
      const attempt = await this.#recorder.run(session, input, (client) => add(client, input));
      if (attempt.outcome === "ok") return;
      await session.pause();
    }
  }

  /** The elements of all parts: everything that was acknowledged must be on every node. */
  async readFinal(node: ClusterNode): Promise<void> {
    for (let part = 0; part <= Math.floor(this.#next / PART); part += 1) {
      const invokedAt = performance.now();
      const output = await withNode(node, (client) => elements(client, part));
      this.#recorder.operations.push({
        process: -1,
        node: node.name,
        input: { kind: "read", part },
        output,
        outcome: "ok",
        invokedAt,
        completedAt: performance.now(),
      });
    }
  }

  check(): Verdict {
    for (const operations of this.#parts()) {
      const { verdict } = checkSetFull(operations);
      if (verdict.kind !== "valid") return verdict;
    }
    return VALID;
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }

  /** Each part is a set of its own, in which all attempts for an element are one operation. */
  #parts(): Iterable<SetOperation[]> {
    const adds = new Map<number, SetOperation>();
    const reads: SetOperation[] = [];
    for (const operation of this.#recorder.operations) {
      const { input } = operation;
      if (input.kind === "read") reads.push(operation);
      else adds.set(input.element, joinAttempts(adds.get(input.element), operation));
    }
    return groupBy([...adds.values(), ...reads], ({ input }) => input.part).values();
  }
}

async function add(
  client: pg.Client,
  { part, element }: { readonly part: number; readonly element: number },
): Promise<SetFullOutput> {
  try {
    await client.query("INSERT INTO elements VALUES ($1, $2)", [part, element]);
  } catch (error) {
    // It is there: an attempt whose outcome was unknown had taken effect.
    if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) throw error;
  }
  return [];
}

async function elements(client: pg.Client, part: number): Promise<SetFullOutput> {
  const { rows } = await client.query<{ element: number }>(
    "SELECT element FROM elements WHERE part = $1",
    [part],
  );
  return rows.map(({ element }) => element);
}
