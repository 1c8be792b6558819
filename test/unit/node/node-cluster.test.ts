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

describe("leaders that go", () => {
  it("a killed leader costs the clients of the others nothing but a moment", async () => {
    await startWithTable();
    const leader = leaderName();
    const others = cluster.nodes.map(({ name }) => name).filter((name) => name !== leader);
    const beganMs = cluster.scheduler.now;
    cluster.scheduler.after(500, () => void cluster.crash(leader, "powerLoss"));
    const written = writeUntil(others, () => cluster.scheduler.now > beganMs + 4000);
    const { acknowledged, errors } = await written;
    expect(errors).toEqual([]);
    await cluster.restart(leader);
    await expectEachOnce(acknowledged);
  });

  it("a leader that stops hands over before a timeout has passed", async () => {
    await startWithTable();
    const leader = leaderName();
    await cluster.stop(leader);
    const stoppedMs = cluster.scheduler.now;
    await cluster.until("another leads", () => cluster.leader !== null);
    expect(cluster.scheduler.now - stoppedMs).toBeLessThan(100);
    await cluster.restart(leader);
    await cluster.agree();
  });

  it("a leader that is cut off answers no read and no write, and gives way when it comes back", async () => {
    await startWithTable();
    const old = leaderName();
    await cluster.sql(old, "INSERT INTO t VALUES (1, 'before')");
    cluster.isolate(old);
    const read = cluster.begin(old, "SELECT id FROM t");
    const write = cluster.begin(old, "INSERT INTO t VALUES (2, 'cut off')");
    const other = cluster.nodes.find(({ name }) => name !== old)?.name ?? "";
    await cluster.sql(other, "INSERT INTO t VALUES (3, 'after')");
    await expect(cluster.complete(read)).rejects.toMatchObject({ sqlState: "57P03" });
    await expect(cluster.complete(write)).rejects.toMatchObject({ sqlState: "40003" });
    cluster.mend();
    await cluster.ready();
    const rows = await cluster.sql(old, "SELECT id FROM t WHERE id <> 2 ORDER BY id");
    expect(rows).toEqual([[1n], [3n]]);
    await cluster.agree();
  });

  it("power lost everywhere at once loses nothing that was acknowledged", async () => {
    await startWithTable();
    for (const node of cluster.nodes) {
      node.speed = { ...node.speed, disk: (operation) => (operation === "sync" ? 15 : 0) };
    }
    const beganMs = cluster.scheduler.now;
    const names = cluster.nodes.map(({ name }) => name);
    const written = writeUntil(names, () => cluster.scheduler.now > beganMs + 600);
    const { acknowledged } = await written;
    for (const name of names) await cluster.crash(name, "powerLoss");
    for (const name of names) await cluster.restart(name);
    await cluster.ready();
    expect(acknowledged.length).toBeGreaterThan(10);
    await expectEachOnce(acknowledged);
  });
});

function leaderName(): string {
  return cluster.leader?.name ?? "";
}

async function startWithTable(): Promise<void> {
  await start();
  await cluster.sql("n1", "CREATE TABLE t (id int, via text)");
}

/** Writes through these nodes until `end`; answers with what was acknowledged and what went wrong. */
async function writeUntil(names: readonly string[], end: () => boolean) {
  const acknowledged: number[] = [];
  const errors: unknown[] = [];
  let next = 0;
  const writers = names.map(async (name) => {
    while (!end()) {
      const id = (next += 1);
      try {
        await cluster.begin(name, `INSERT INTO t VALUES (${id}, '${name}')`);
        acknowledged.push(id);
      } catch (error) {
        errors.push(error);
      }
    }
  });
  await cluster.complete(Promise.all(writers));
  return { acknowledged, errors };
}

async function expectEachOnce(ids: readonly number[]): Promise<void> {
  await cluster.agree();
  const rows = await cluster.sql(cluster.up[0]?.name ?? "", "SELECT id FROM t");
  const counts = new Map<number, number>();
  for (const [id] of rows) counts.set(Number(id), (counts.get(Number(id)) ?? 0) + 1);
  expect(ids.filter((id) => counts.get(id) !== 1)).toEqual([]);
  expect([...counts.values()].filter((count) => count > 1)).toEqual([]);
}
