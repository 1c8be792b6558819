/** What a node does when its disk or its state machine fails: it ends, loudly, and keeps its promises. */
import { afterEach, describe, expect, it } from "vitest";
import { MachineError } from "../../../src/machine/machine-error.ts";
import { NodeCluster } from "../../support/node-cluster.ts";

let cluster: NodeCluster;

afterEach(() => cluster.close());

async function start(): Promise<void> {
  cluster = await NodeCluster.start();
  await cluster.sql("n1", "CREATE TABLE t (id int PRIMARY KEY)");
}

/** The node gives up by itself; it is stopped then, as the process does. */
async function givesUp(name: string): Promise<Error> {
  const node = cluster.node(name);
  await cluster.until(`${name} gives up`, () => node.failure !== null, 5000);
  const { failure } = node;
  await cluster.stop(name);
  if (failure === null) throw new Error("it gave up");
  return failure;
}

describe("a failing state machine", () => {
  it("ends the node; nothing is lost, and it comes back when the disk is in order", async () => {
    await start();
    const { name } = cluster.follower;
    cluster.node(name).machineFault = (call) =>
      call === "apply" ? new MachineError("database or disk is full") : null;
    const other = cluster.nodes.find((node) => node.name !== name)?.name ?? "";
    await cluster.sql(other, "INSERT INTO t VALUES (1)");
    const { message } = await givesUp(name);
    expect(message).toBe("applying failed: database or disk is full");
    cluster.node(name).machineFault = null;
    await cluster.restart(name);
    expect(await cluster.sql(name, "SELECT id FROM t")).toEqual([[1n]]);
    await cluster.agree();
  });

  it("a client that waits on it is told that the outcome is not known", async () => {
    await start();
    const { name } = cluster.follower;
    await cluster.sql(name, "INSERT INTO t VALUES (0)");
    cluster.node(name).machineFault = (call) =>
      call === "apply" ? new MachineError("database or disk is full") : null;
    const write = cluster.begin(name, "INSERT INTO t VALUES (1)");
    await givesUp(name);
    await expect(write).rejects.toMatchObject({ sqlState: "40003" });
  });
});

describe("a failing disk", () => {
  it.each(["sync", "write"] as const)(
    "a %s of the log that fails ends the node at once; what it had acknowledged is there",
    async (operation) => {
      await start();
      await cluster.sql("n1", "INSERT INTO t VALUES (1)");
      const { leader } = cluster;
      if (leader === null) throw new Error("somebody leads");
      leader.disk.fail({ operation, path: "/wal/", code: "EIO" });
      const write = cluster.begin(leader.name, "INSERT INTO t VALUES (2)");
      const { message } = await givesUp(leader.name);
      expect(message).toContain("failed");
      await write.catch(() => undefined);
      await cluster.restart(leader.name);
      await cluster.sql(leader.name, "INSERT INTO t VALUES (3)");
      const rows = await cluster.sql(leader.name, "SELECT id FROM t WHERE id <> 2 ORDER BY id");
      expect(rows).toEqual([[1n], [3n]]);
      await cluster.agree();
    },
  );

  it("a promise that cannot be written ends the node", async () => {
    await start();
    const { leader, follower } = cluster;
    if (leader === null) throw new Error("somebody leads");
    follower.disk.fail({ operation: "sync", path: "state.", code: "EIO", times: 5 });
    await cluster.crash(leader.name);
    expect((await givesUp(follower.name)).message).toContain("state.");
    await cluster.restart(leader.name);
    await cluster.restart(follower.name);
    await cluster.ready();
    await cluster.agree();
  });
});
