/** Nodes that join, leave and move, seen from the whole node. */
import { afterEach, describe, expect, it } from "vitest";
import { NodeCluster } from "../../support/node-cluster.ts";

let cluster: NodeCluster;

afterEach(() => cluster.close());

async function start(nodes: number): Promise<void> {
  cluster = await NodeCluster.start({ nodes });
  await cluster.sql("n1", "CREATE TABLE t (id int PRIMARY KEY)");
}

function remove(via: string, name: string) {
  return cluster.complete(cluster.node(via).administration.removeMember(name));
}

function voters(via: string): readonly string[] {
  return cluster.status(via).members.flatMap(({ id, voter }) => (voter ? [id] : []));
}

describe("joining", () => {
  it("a node joins through a follower, catches up, gets its vote and counts", async () => {
    await start(3);
    await cluster.sql("n1", "INSERT INTO t VALUES (1)");
    await cluster.join("n4", cluster.follower.name);
    await cluster.until("n4 votes", () => voters("n4").includes("n4"));
    expect(await cluster.sql("n4", "SELECT id FROM t")).toEqual([[1n]]);
    await cluster.sql("n4", "INSERT INTO t VALUES (2)");
    await cluster.agree();
  });

  it("asking twice under one incarnation gives one member", async () => {
    await start(3);
    const first = await cluster.join("n4", "n1");
    await cluster.crash("n4");
    expect(cluster.status("n1").members.filter(({ id }) => id === "n4")).toHaveLength(1);
    await cluster.restart(first.name);
    await cluster.until("n4 votes", () => voters("n1").includes("n4"));
    await cluster.agree();
  });

  it("a node that joins while the leader dies is let in all the same", async () => {
    await start(3);
    const { leader } = cluster;
    if (leader === null) throw new Error("somebody leads");
    const joining = cluster.join("n4", cluster.follower.name);
    await cluster.crash(leader.name);
    await joining;
    await cluster.restart(leader.name);
    await cluster.until("n4 votes", () => voters("n4").includes("n4"));
    await cluster.agree();
    expect(voters("n1")).toEqual(["n1", "n2", "n3", "n4"]);
  });
});

describe("removal", () => {
  it("the second of two voters can be removed although it counts until the change is in force", async () => {
    await start(2);
    const stays = cluster.leader?.name ?? "";
    const goes = cluster.follower.name;
    expect(await remove(stays, goes)).toMatchObject({ ok: true });
    await cluster.sql(stays, "INSERT INTO t VALUES (1)");
    await cluster.crash(goes);
    await cluster.sql(stays, "INSERT INTO t VALUES (2)");
    expect(voters(stays)).toEqual([stays]);
  });

  it("with one of four voters away another one can be removed", async () => {
    await start(4);
    const away = cluster.follower.name;
    await cluster.crash(away);
    const goes = cluster.up.find((node) => node !== cluster.leader)?.name ?? "";
    const via = cluster.leader?.name ?? "";
    expect(await remove(via, goes)).toMatchObject({ ok: true });
    await cluster.sql(via, "INSERT INTO t VALUES (1)");
    await cluster.crash(goes);
    await cluster.sql(via, "INSERT INTO t VALUES (2)");
    await cluster.restart(away);
    await cluster.agree();
  });

  it("the leader can be removed; another one leads then", async () => {
    await start(3);
    const goes = cluster.leader?.name ?? "";
    const via = cluster.follower.name;
    expect(await remove(via, goes)).toMatchObject({ ok: true });
    await cluster.until("another leads", () => {
      const { leader } = cluster.status(via);
      return leader !== null && leader.id !== goes;
    });
    await cluster.sql(via, "INSERT INTO t VALUES (1)");
    await cluster.until("it says so", () => !cluster.node(goes).source.readiness().ready);
  });

  it("a removal whose answer was lost is answered as done", async () => {
    await start(3);
    const via = cluster.follower.name;
    const leader = cluster.leader?.name ?? "";
    const goes = cluster.nodes.find(({ name }) => name !== via && name !== leader)?.name ?? "";
    const removing = cluster.node(via).administration.removeMember(goes);
    await cluster.until("the leader has decided", () => !voters(leader).includes(goes));
    cluster.cut(leader, via);
    await cluster.pass(4000);
    cluster.mend();
    expect(await cluster.complete(removing)).toMatchObject({ ok: true });
  });

  it("a node that was removed while it was away tells its clients so", async () => {
    await start(3);
    const goes = cluster.follower.name;
    cluster.isolate(goes);
    expect(await remove(cluster.leader?.name ?? "", goes)).toMatchObject({ ok: true });
    await cluster.pass(1000);
    cluster.mend();
    await expect(cluster.sql(goes, "INSERT INTO t VALUES (1)")).rejects.toMatchObject({
      sqlState: "57P03",
      message: expect.stringContaining("is not a member of cluster simulated: it was removed"),
    });
  });

  it("nobody removes who is not there", async () => {
    await start(3);
    const result = await remove("n1", "n9");
    expect(result).toEqual({ ok: false, message: "there is no member called n9" });
  });
});

describe("a node that comes back elsewhere", () => {
  it("is found at its new address, though nobody could tell it who leads", async () => {
    await start(3);
    const moved = cluster.follower;
    await cluster.stop(moved.name);
    const { addresses } = moved.identity;
    moved.identity = {
      ...moved.identity,
      addresses: { ...addresses, peer: "elsewhere:7001", sql: "elsewhere:5432" },
    };
    await cluster.restart(moved.name);
    await cluster.ready();
    await cluster.sql(moved.name, "INSERT INTO t VALUES (1)");
    const member = cluster.status("n1").members.find(({ id }) => id === moved.name);
    expect(member).toMatchObject({ peer: "elsewhere:7001", sql: "elsewhere:5432" });
    await cluster.agree();
  });
});
