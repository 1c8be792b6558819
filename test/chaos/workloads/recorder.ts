/** Runs operations and writes down what their clients saw, in memory and on disk. */
import { createWriteStream, type WriteStream } from "node:fs";
import type pg from "pg";
import type { Random } from "../../../src/base/random.ts";
import type { Operation } from "../../checkers/history.ts";
import { type Attempt, type ChaosClient, NOT_SENT } from "./client.ts";

/** One client of one workload: it does one thing at a time. */
export interface ClientSession {
  readonly client: ChaosClient;
  readonly random: Random;
  /** Changes after an unknown outcome: what it left behind may still happen beside it. */
  process: number;
  /** A moment between two attempts. */
  pause(): Promise<void>;
}

/** Above the number of all clients, so that a successor's number is nobody else's. */
const PROCESS_STEP = 1_000;

export interface OutcomeCounts {
  ok: number;
  failed: number;
  unknown: number;
}

export class Recorder<Input, Output> {
  readonly operations: Operation<Input, Output>[] = [];
  readonly counts: OutcomeCounts = { ok: 0, failed: 0, unknown: 0 };
  readonly #file: WriteStream;

  /** `path`: one JSON line an operation. */
  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  async run(
    session: ClientSession,
    input: Input,
    work: (client: pg.Client) => Promise<Output>,
  ): Promise<Attempt<Output>> {
    const { process, client } = session;
    const invokedAt = performance.now();
    const attempt = await client.attempt(work);
    // Nothing was sent: that is no operation.
    if (attempt.outcome === "failed" && attempt.message === NOT_SENT) return attempt;
    const isUnknown = attempt.outcome === "unknown";
    this.counts[attempt.outcome] += 1;
    const operation = {
      process,
      node: attempt.node,
      input,
      output: attempt.outcome === "ok" ? attempt.result : null,
      outcome: attempt.outcome,
      invokedAt,
      completedAt: isUnknown ? Number.POSITIVE_INFINITY : performance.now(),
    };
    this.operations.push(operation);
    // What was said goes to the file alone: it is for whoever reads it, no checker wants it.
    const said = attempt.outcome === "ok" ? {} : { said: `${attempt.sqlState} ${attempt.message}` };
    this.#file.write(`${JSON.stringify({ ...operation, ...said })}\n`);
    if (isUnknown) session.process += PROCESS_STEP;
    return attempt;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#file.end(resolve));
  }
}
