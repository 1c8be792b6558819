/** Clients whose transactions run step by step on a textbook engine, in a random interleaving. */
import type { Random } from "../../../src/base/random.ts";
import type { Operation, OperationOutcome } from "../history.ts";
import type { Step, TransactionInput, TransactionOutput } from "../list-append/transaction.ts";
import type { Engine, EngineTransaction } from "./engines.ts";

export interface EngineRun {
  readonly transactions: number;
  readonly clients: number;
  readonly keys: number;
  /** One in so many aborts by itself. */
  readonly abortEvery: number;
  /** One in so many commits answers nothing. */
  readonly unknownEvery: number;
}

type ListOperation = Operation<TransactionInput, TransactionOutput>;

interface Running {
  readonly process: number;
  readonly input: readonly Step[];
  readonly output: (readonly number[] | null)[];
  readonly transaction: EngineTransaction;
  readonly invokedAt: number;
}

export function runEngine(
  engine: Engine,
  random: Random,
  run: EngineRun,
): readonly ListOperation[] {
  const history: ListOperation[] = [];
  const clients = Array.from({ length: run.clients }, (): Running | null => null);
  const processes = clients.map((_, client) => client);
  let value = 0;
  let now = 0;
  let waits = 0;
  const begin = (client: number): Running => {
    const readOnly = random.below(3) === 0;
    const input = Array.from({ length: 1 + random.below(4) }, (): Step => {
      const key = `k${random.below(run.keys)}`;
      if (readOnly || random.below(2) === 0) return { kind: "read", key };
      value += 1;
      return { kind: "append", key, value };
    });
    const process = processes[client] ?? 0;
    const onlyReads = input.every(({ kind }) => kind === "read");
    const transaction = engine.begin(process, onlyReads);
    return { process, input, output: [], transaction, invokedAt: now };
  };
  const end = (client: number, running: Running, outcome: OperationOutcome): void => {
    const { process, input, output, invokedAt } = running;
    const completedAt = outcome === "unknown" ? Infinity : now;
    const answer = outcome === "ok" ? output : null;
    history.push({ process, node: "n1", input, output: answer, outcome, invokedAt, completedAt });
    if (outcome === "unknown") processes[client] = processes.length + history.length;
    clients[client] = null;
  };
  // All come to their end: one whose fate nobody knows may have been seen before it was decided.
  while (history.length < run.transactions || clients.some((running) => running !== null)) {
    now += 1;
    const client = random.below(clients.length);
    const running = clients[client];
    if (running === null || running === undefined) {
      if (history.length < run.transactions) clients[client] = begin(client);
      continue;
    }
    if (running.output.length === running.input.length) {
      end(client, running, finish(running.transaction, random, run));
      waits = 0;
      continue;
    }
    if (step(running) === "done") continue;
    // Whoever waits this long is in a deadlock.
    waits += 1;
    if (waits < 20 * clients.length) continue;
    running.transaction.abort();
    end(client, running, "failed");
    waits = 0;
  }
  return history;
}

function step({ input, output, transaction }: Running): "done" | "wait" {
  const next = input[output.length];
  if (next === undefined) return "done";
  if (next.kind === "read") {
    output.push(transaction.read(next.key));
    return "done";
  }
  if (transaction.append(next.key, next.value) === "wait") return "wait";
  output.push(null);
  return "done";
}

function finish(transaction: EngineTransaction, random: Random, run: EngineRun): OperationOutcome {
  if (random.below(run.abortEvery) === 0) {
    transaction.abort();
    return "failed";
  }
  if (transaction.commit() === "aborted") return "failed";
  return random.below(run.unknownEvery) === 0 ? "unknown" : "ok";
}
