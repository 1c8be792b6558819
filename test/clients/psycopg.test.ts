/** Transactions and COPY of psycopg 3, with libpq: performed by psycopg/transactions.py. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { everywhere, layLedger } from "./ledger.ts";
import { hasClient, type ToldCases, toldCases } from "./told-cases.ts";

/** The system's own, for which Debian packages are made. */
const PYTHON = "/usr/bin/python3";
const PACKAGES = "python3-psycopg python3-psycopg-pool";
const SCRIPT = fileURLToPath(new URL("./psycopg/transactions.py", import.meta.url));
const RUN_MS_MAX = 150_000;

const CASES = {
  commit: "COMMIT by the end of a connection's block: all nodes have both sides of a transfer",
  rollback: "an exception in the application: nothing of the transaction stays",
  failure: "a statement fails: 25P02 until rollback()",
  nested: "transaction() in transaction(): what fails inside is taken back, the rest commits",
  isolation_level_and_read_only: "isolation_level, read_only and deferrable are taken",
  conflict: "a conflict: 40001, and the second attempt reads what the other one wrote",
  race: "six clients at all nodes count up one counter: no step is lost",
  prepared: "prepared statements, in text and binary, over a rollback",
  pipeline: "pipeline mode: all answers come, and a failure takes everything back",
  executemany: "executemany with RETURNING",
  server_side_cursor: "a server-side cursor has one view while another node deletes",
  copy: "COPY FROM and TO by cursor.copy(): whole, given up, and with a mistake in it",
  killed_node: "kill -9 in the middle of a transaction: the pool goes on at another node",
};

describe.skipIf(!hasClient(PACKAGES, PYTHON, ["-c", "import psycopg, psycopg_pool"]))(
  "psycopg",
  () => {
    const cluster = testCluster();
    let told: ToldCases;

    beforeAll(async () => {
      await layLedger(cluster);
      const nodes = cluster.nodes.map(({ ports, processId }) => `${ports.sql}=${processId}`);
      told = await toldCases(PYTHON, [SCRIPT, ...nodes]);
    }, RUN_MS_MAX);

    test.each(Object.entries(CASES))("%s: %s", (name) => {
      expect(told.get(name)).toBe("ok");
    });

    test("every case of the program is told here", () => {
      expect([...told.keys()].toSorted()).toEqual(Object.keys(CASES).toSorted());
    });

    test("the killed node has everything after its restart", async () => {
      await cluster.restart(cluster.node("n2"));
      const count = "SELECT count(*) FROM note WHERE body = 'after the kill'";
      expect(await everywhere(cluster, count)).toEqual(["1"]);
    });
  },
);
