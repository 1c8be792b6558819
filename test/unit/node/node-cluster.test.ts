/**
 * Goal: the shell around the core loses, doubles and mixes up nothing when nodes and links fail.
 * Method: whole nodes in one process over simulated disks, network and time.
 */
import { afterEach, describe, expect, it } from "vitest";
import { NodeCluster, type NodeClusterOptions } from "../../support/node-cluster.ts";

let cluster: NodeCluster;

async function start(options: NodeClusterOptions = {}): Promise<void> {
  cluster = await NodeCluster.start(options);
}

afterEach(() => cluster.close());

describe("reads and writes", () => {
  it("a write through any node is read on every node at once", async () => {
    await start();
    await cluster.sql("n1", "CREATE TABLE t (id int PRIMARY KEY, word text)");
    for (const name of ["n1", "n2", "n3"]) {
      await cluster.sql(name, `INSERT INTO t VALUES (${name.slice(1)}, '${name}')`);
    }
    for (const name of ["n1", "n2", "n3"]) {
      expect(await cluster.sql(name, "SELECT count(*) FROM t")).toEqual([[3n]]);
    }
    await cluster.agree();
  });

  it("a table that was made elsewhere is known here, however slowly this node applies", async () => {
    await start();
    const slow = cluster.follower;
    const fast = cluster.nodes.find((node) => node !== slow)?.name ?? "";
    slow.speed = { ...slow.speed, machine: (call) => (call === "apply" ? 300 : 0) };
    await cluster.sql(fast, "CREATE TABLE t (id int)");
    expect(await cluster.sql(slow.name, "SELECT count(*) FROM t")).toEqual([[0n]]);
    await cluster.sql(fast, "ALTER TABLE t ADD COLUMN word text");
    await cluster.sql(slow.name, "INSERT INTO t (id, word) VALUES (1, 'one')");
    await cluster.sql(fast, "CREATE TABLE u (id int)");
    const session = await cluster.connect(slow.name);
    const prepared = await cluster.complete(session.prepare("SELECT id FROM u", []));
    expect(prepared.columns).toMatchObject([{ name: "id" }]);
  });

  it("a prepared statement whose columns have changed is refused before it runs", async () => {
    await start({ nodes: 1 });
    const session = await cluster.connect("n1");
    await cluster.sql("n1", "CREATE TABLE t (id int, word int)");
    const text = "INSERT INTO t VALUES (1, 1) RETURNING word";
    const prepared = await cluster.complete(session.prepare(text, []));
    await cluster.sql("n1", "ALTER TABLE t ALTER COLUMN word TYPE bigint");
    const refused = cluster.complete(session.execute(prepared, []));
    await expect(refused).rejects.toMatchObject({ sqlState: "0A000" });
    expect(await cluster.sql("n1", "SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("a table that is nowhere is refused with 42P01, and with 57P03 if nobody can say so", async () => {
    await start();
    await expect(cluster.sql("n1", "SELECT * FROM t")).rejects.toMatchObject({ sqlState: "42P01" });
    cluster.isolate("n1");
    await cluster.pass(2000);
    await expect(cluster.sql("n1", "SELECT * FROM t")).rejects.toMatchObject({ sqlState: "57P03" });
    await cluster.sql("n1", "SET synod.read_consistency = 'stale'");
    await expect(cluster.sql("n1", "SELECT * FROM t")).rejects.toMatchObject({ sqlState: "42P01" });
  });
});
