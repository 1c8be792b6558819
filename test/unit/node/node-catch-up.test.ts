/** Nodes that come back when what they lack is gone from the others' logs. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NodeCluster } from "../../support/node-cluster.ts";
import type { SimulatedNode } from "../../support/simulated-node.ts";

let cluster: NodeCluster;
let lagging: SimulatedNode;
let others: readonly SimulatedNode[];
let rows = 0;

beforeEach(async () => {
  cluster = await NodeCluster.start({ snapshotEntries: 100 });
  lagging = cluster.follower;
  others = cluster.nodes.filter((node) => node !== lagging);
  rows = 0;
  await cluster.sql(lagging.name, "CREATE TABLE t (id int PRIMARY KEY, word text)");
});

afterEach(() => cluster.close());

describe("catching up by snapshot", () => {
  it("a node whose part of the log is gone takes a snapshot and goes on with the log", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    await write(5);
    await cluster.restart(lagging.name);
    await expectAll();
    expect(wasRestored()).toBe(true);
  });

  it("a node that is stopped at any moment of it comes back whole", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    const before = lagging.disk.operations;
    await cluster.restart(lagging.name);
    await expectAll();
    const needed = lagging.disk.operations - before;
    expect(wasRestored()).toBe(true);
    // Again, over and over, each time stopped a little later.
    for (let stop = 1; stop < needed; stop += 1 + Math.floor(needed / 12)) {
      await cluster.crash(lagging.name);
      await write(20);
      await truncate();
      lagging.disk.stopAt(lagging.disk.operations + stop);
      await cluster.restart(lagging.name).catch(() => undefined);
      await cluster.pass(300);
      if (lagging.isUp) await cluster.crash(lagging.name, "powerLoss");
      await cluster.restart(lagging.name);
      await expectAll();
    }
  });

  it("a state machine that is ahead of the log stays when the snapshot is older than it", async () => {
    // Its disk is so slow that it learns and applies what the others have made durable.
    lagging.speed = { ...lagging.speed, disk: (operation) => (operation === "sync" ? 3e6 : 0) };
    await write(60);
    await truncate();
    await write(10);
    await cluster.until("it has applied everything", () => {
      const { appliedIndex, chosenIndex } = lagging.running.status();
      return appliedIndex === chosenIndex && appliedIndex > 70;
    });
    const { appliedIndex } = lagging.running.status();
    await cluster.crash(lagging.name);
    lagging.speed = { ...lagging.speed, disk: () => 0 };
    await cluster.restart(lagging.name);
    expect(lagging.running.status().chosenIndex).toBeLessThan(20);
    expect(lagging.running.status().appliedIndex).toBe(appliedIndex);
    await expectAll();
    expect(lagging.failure).toBeNull();
  });
});

describe("a transfer that breaks off", () => {
  it("a snapshot that was received but not installed is installed without another transfer", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    lagging.disk.fail({ operation: "sync", path: "state.", after: 1, code: "EIO" });
    await cluster.restart(lagging.name);
    await cluster.until("its floor cannot be written", () => lagging.failure !== null);
    await cluster.crash(lagging.name, "powerLoss");
    await cluster.restart(lagging.name);
    await expectAll();
    expect(received()).toHaveLength(1);
  });

  it("when the node that sends dies, another one goes on soon", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    lagging.speed = { ...lagging.speed, disk: slowlyReceiving };
    await cluster.restart(lagging.name);
    await cluster.until("a transfer begins", () => received().length === 1);
    const source = others.find(({ name }) => received()[0]?.includes(`from ${name}`));
    expect(source).toBeDefined();
    cluster.isolate(source?.name ?? "");
    await cluster.until("it is installed", wasRestored, 15_000);
    cluster.mend();
    await expectAll();
  });
});

describe("clients of a node that catches up by snapshot", () => {
  it("are told of a write that was decided in the part that was skipped, and it runs once", async () => {
    const { answer } = await begin("INSERT INTO t VALUES (-2, 'skipped')");
    await cluster.complete(answer);
    expect(wasRestored()).toBe(true);
    await expectAll();
  });

  it("are told that the rows of such a write are lost, not that it failed", async () => {
    const { answer } = await begin("INSERT INTO t VALUES (-2, 'skipped') RETURNING id");
    await expect(cluster.complete(answer)).rejects.toMatchObject({
      sqlState: "40003",
      message: expect.stringContaining("took effect"),
    });
    await expectAll();
  });
});

describe("damaged snapshots", () => {
  it("a sender's is replaced by a new one, and the transfer goes on", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    for (const { disk } of others) {
      const [name = ""] = disk.list("/data/snapshots");
      disk.flip(`/data/snapshots/${name}/1.db`, 5000);
    }
    await write(1);
    await cluster.restart(lagging.name);
    await expectAll();
    expect(wasRestored()).toBe(true);
  });

  it("an own one is passed over when the state machine must be restored", async () => {
    await cluster.crash(lagging.name);
    await write(60);
    await truncate();
    await cluster.restart(lagging.name);
    await expectAll();
    await cluster.crash(lagging.name);
    const [name = ""] = lagging.disk.list("/data/snapshots");
    lagging.disk.flip(`/data/snapshots/${name}/1.db`, 5000);
    lagging.loseMachine();
    await expect(cluster.restart(lagging.name)).rejects.toThrow("no snapshot closes the gap");
    lagging.disk.flip(`/data/snapshots/${name}/1.db`, 5000);
    await cluster.restart(lagging.name);
    await expectAll();
  });
});

async function write(count: number): Promise<void> {
  const via = others[0]?.name ?? "";
  for (let left = count; left > 0; left -= 1) {
    rows += 1;
    await cluster.sql(via, `INSERT INTO t VALUES (${rows}, 'row ${rows}')`);
  }
}

async function truncate(): Promise<void> {
  for (const node of others) {
    if (!node.isUp) continue;
    expect((await cluster.complete(node.administration.takeSnapshot())).ok).toBe(true);
  }
}

async function expectAll(): Promise<void> {
  await cluster.agree();
  const counted = await cluster.sql(lagging.name, "SELECT count(*) FROM t");
  expect(counted).toEqual([[BigInt(rows)]]);
}

function wasRestored(): boolean {
  return lagging.log.some((line) => line.includes("installing it"));
}

function received(): readonly string[] {
  return lagging.log.filter((line) => line.includes("receiving snapshot"));
}

function slowlyReceiving(_operation: string, path: string): number {
  return path.includes("receiving") ? 100 : 0;
}

/** Its statements get out, and nothing of what is decided gets in. */
async function begin(text: string): Promise<{ readonly answer: Promise<unknown> }> {
  await cluster.sql(lagging.name, "INSERT INTO t VALUES (-1, 'opens the session')");
  rows += 1;
  cluster.cut(others[0]?.name ?? "", lagging.name);
  cluster.cut(others[1]?.name ?? "", lagging.name);
  const answer = cluster.begin(lagging.name, text);
  await cluster.pass(50);
  rows += 1;
  await write(60);
  await truncate();
  cluster.mend();
  return { answer };
}
