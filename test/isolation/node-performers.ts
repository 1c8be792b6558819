import { setTimeout } from "node:timers/promises";
import type { Cluster } from "../support/cluster/cluster.ts";
import { connection } from "../support/cluster/writers.ts";
import { outcomeOf } from "./outcome.ts";
import type { Connect } from "./perform.ts";

/** Nobody waits for another transaction: a statement that takes so long hangs. */
const ANSWER_MS_MAX = 10_000;

/** Connections to the nodes of a cluster in turn. */
export function connectToNodes(cluster: Cluster, database: string): Connect {
  return async (number) => {
    const node = cluster.nodes[number % cluster.nodes.length] ?? cluster.node("n1");
    const client = connection(node, database);
    await client.connect();
    const run = async (statement: string): Promise<string> => {
      const stop = new AbortController();
      const late = setTimeout(ANSWER_MS_MAX, `no answer in ${ANSWER_MS_MAX} ms`, {
        signal: stop.signal,
      }).catch(() => "");
      const outcome = await Promise.race([outcomeOf(client, statement), late]);
      stop.abort();
      return outcome;
    };
    return { run, isBlocked: () => Promise.resolve(false), end: () => client.end() };
  };
}
