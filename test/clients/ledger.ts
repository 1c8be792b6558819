/** The tables that every client's test works on, and what the nodes say of them. */
import type { Cluster } from "../support/cluster/cluster.ts";
import { withClient } from "../support/cluster/writers.ts";

/** One counter on which clients race, and accounts between which they move money. */
const LEDGER_SCHEMA = `
  CREATE TABLE counter (name text PRIMARY KEY, n int NOT NULL);
  CREATE TABLE account (name text PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
  CREATE TABLE note (id serial PRIMARY KEY, body text NOT NULL);
  INSERT INTO counter VALUES ('race', 0), ('conflict', 0);
  INSERT INTO account VALUES ('ada', 100), ('bob', 0);`;

export const RACERS = 6;
export const INCREMENTS_EACH = 5;

export function layLedger(cluster: Cluster): Promise<unknown> {
  return withClient(cluster.node("n1"), (client) => client.query(LEDGER_SCHEMA));
}

/** The first column of every row, as all running nodes see it; rejects if they differ. */
export async function everywhere(cluster: Cluster, sql: string): Promise<readonly unknown[]> {
  const answers: (readonly unknown[])[] = [];
  for (const node of cluster.running) {
    const { rows } = await withClient(node, (client) =>
      client.query<[unknown]>({ text: sql, rowMode: "array" }),
    );
    answers.push(rows.map(([value]) => value));
  }
  const [first = []] = answers;
  for (const answer of answers) {
    if (JSON.stringify(answer) !== JSON.stringify(first)) {
      throw new Error(`the nodes answer differently: ${JSON.stringify(answers)}`);
    }
  }
  return first;
}

/** What somebody else does meanwhile, at another node: the counter that is to conflict grows by ten. */
export function interfere(cluster: Cluster): Promise<unknown> {
  return withClient(cluster.node("n3"), (client) =>
    client.query("UPDATE counter SET n = n + 10 WHERE name = 'conflict'"),
  );
}
