/** A process that runs the seeds that it is sent, one after the other, and tells what came of each. */
import { differing, type Failure, failureOf } from "./failure.ts";
import { addResult, emptyTally, type Tally } from "./tally.ts";
import { WORLDS, type WorldName, worldOfSeed } from "./worlds.ts";

export interface Order {
  readonly first: number;
  readonly count: number;
  /** Null: the mix. */
  readonly world: WorldName | null;
  /** Each seed runs twice, and both traces must be equal. */
  readonly twice: boolean;
  readonly without: readonly string[];
}

export type Told =
  | { readonly kind: "begun"; readonly seed: number }
  | { readonly kind: "done"; readonly tally: Tally; readonly failures: readonly Failure[] };

/** Runs an order's seeds. `begun` is told each before it runs. */
export async function carryOut(
  order: Order,
  begun: (seed: number) => void,
): Promise<Extract<Told, { kind: "done" }>> {
  const tally = emptyTally();
  const failures: Failure[] = [];
  for (let seed = order.first; seed < order.first + order.count; seed += 1) {
    begun(seed);
    const failure = await runSeed(seed, order, tally);
    if (failure !== null) failures.push(failure);
  }
  return { kind: "done", tally, failures };
}

async function runSeed(seed: number, order: Order, tally: Tally): Promise<Failure | null> {
  const name = order.world ?? worldOfSeed(seed);
  const { simulate } = WORLDS[name];
  const options = { without: new Set(order.without) };
  const result = await simulate(seed, options);
  addResult(tally, name, result);
  const failure = failureOf(name, result);
  if (failure !== null || !order.twice) return failure;
  const again = await simulate(seed, options);
  return again.traceHash === result.traceHash ? null : differing(name, result, again);
}

if (process.send !== undefined) {
  // An exit, unlike a signal, removes what the cluster of the moment has on the real file system.
  for (const end of ["SIGINT", "SIGTERM", "disconnect"] as const)
    process.once(end, () => process.exit(1));
  process.on("message", (order) => {
    void carryOut(order as Order, (seed) => process.send?.({ kind: "begun", seed }))
      .then((told) => process.send?.(told))
      .catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      });
  });
}
