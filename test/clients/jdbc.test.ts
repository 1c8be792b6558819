/** Transactions of pgjdbc, the JDBC driver: performed by jdbc/Transactions.java. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { everywhere, layLedger } from "./ledger.ts";
import { hasClient, type ToldCases, toldCases } from "./told-cases.ts";

const PACKAGES = "default-jdk-headless libpostgresql-jdbc-java";
const DRIVER = "/usr/share/java/postgresql.jar";
const PROGRAM = fileURLToPath(new URL("./jdbc/Transactions.java", import.meta.url));
const RUN_MS_MAX = 150_000;

const CASES = {
  commit: "autocommit off, commit(): all nodes have both sides of a transfer",
  rollback: "rollback(), and a connection that is closed: nothing of the transaction stays",
  failure: "a statement fails: 25P02 until the end, and commit() commits nothing",
  savepoints: "savepoints, named and not: what fails is taken back, the rest commits",
  autosave: "autosave=always: a savepoint before each statement",
  isolation_and_read_only: "the isolation level is told back, read-only refuses a write with 25006",
  conflict: "a conflict: 40001, and the second attempt reads what the other one wrote",
  race: "six clients at all nodes count up one counter: no step is lost",
  prepared: "a server-side prepared statement over rollbacks and commits",
  generated_keys: "getGeneratedKeys() in a transaction",
  batch: "batches, as they are and rewritten; one that fails leaves nothing",
  fetch_size: "setFetchSize(): portions of one view while another node deletes",
  killed_node: "kill -9 in the middle of a transaction: the driver goes on at another node",
};

describe.skipIf(!hasClient(PACKAGES, "sh", ["-c", `javac -version && test -e ${DRIVER}`]))(
  "pgjdbc",
  () => {
    const cluster = testCluster();
    let told: ToldCases;

    beforeAll(async () => {
      await layLedger(cluster);
      const nodes = cluster.nodes.map(({ ports, processId }) => `${ports.sql}=${processId}`);
      told = await toldCases("java", ["-cp", DRIVER, PROGRAM, ...nodes]);
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
