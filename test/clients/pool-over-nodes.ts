import pg from "pg";
import { type ClusterNode, HOST } from "../support/cluster/cluster-node.ts";

/** node-postgres knows one host: each new connection of this pool goes to the next of the nodes. */
export function poolOver(nodes: readonly ClusterNode[], max: number): pg.Pool {
  let next = 0;
  class NextNodeClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      const node = nodes[next % nodes.length];
      next += 1;
      super({ ...config, port: node?.ports.sql ?? 0 });
      // The statement that runs rejects as well; without a listener the process would end.
      this.on("error", () => undefined);
    }
  }
  const pool = new pg.Pool({
    host: HOST,
    user: "synod",
    database: "synod",
    max,
    Client: NextNodeClient,
  });
  // An idle connection whose node is killed is dropped; the pool says so here.
  pool.on("error", () => undefined);
  return pool;
}
