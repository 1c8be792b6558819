/** Snapshots that a node takes by itself, and what becomes of the log behind them. */
import { afterEach, describe, expect, it } from "vitest";
import { NodeCluster } from "../../support/node-cluster.ts";

let cluster: NodeCluster;

afterEach(() => cluster.close());

async function write(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) {
    await cluster.sql("n1", "INSERT INTO t VALUES (1)");
  }
}

describe("snapshots that a node takes by itself", () => {
  it("come after so many entries, and the log keeps a tail behind them", async () => {
    cluster = await NodeCluster.start({ snapshotEntries: 50 });
    await cluster.sql("n1", "CREATE TABLE t (id int)");
    await write(120);
    await cluster.pass(1000);
    const { snapshotIndex, truncationFloor, chosenIndex } = cluster.status("n1");
    expect(snapshotIndex).toBeGreaterThan(chosenIndex - 60);
    expect(truncationFloor).toBeLessThanOrEqual(snapshotIndex - 5);
    expect(truncationFloor).toBeGreaterThan(snapshotIndex - 60);
    expect(cluster.node("n1").disk.list("/data/snapshots")).toHaveLength(2);
  });

  it("that fail leave nothing behind, are not tried with every slot, and succeed later", async () => {
    cluster = await NodeCluster.start({ snapshotEntries: 50 });
    await cluster.sql("n1", "CREATE TABLE t (id int)");
    const { disk } = cluster.node("n1");
    disk.fail({ operation: "write", path: "aside", code: "ENOSPC", times: 1000 });
    await write(80);
    const failures = () =>
      cluster.node("n1").log.filter((line) => line.includes("taking a snapshot failed"));
    expect(failures()).toHaveLength(1);
    expect(disk.list("/data/snapshots")).toEqual([]);
    await cluster.crash("n1");
    await cluster.restart("n1");
    await write(60);
    await cluster.pass(1000);
    expect(cluster.status("n1").snapshotIndex).toBeGreaterThan(0);
    await cluster.agree();
  });
});
