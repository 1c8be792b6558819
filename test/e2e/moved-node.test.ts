/** Goal: a node that is started again under other addresses is found there, and clients with it. */
import { expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { HOST } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { freePorts } from "../support/cluster/ports.ts";
import { psqlRows } from "../support/cluster/psql.ts";

const cluster = testCluster();

test("a follower that moved to another peer port takes part again", async () => {
  const leader = await cluster.leader();
  const [moved] = await cluster.followers();
  if (moved === undefined) throw new Error("a follower was expected");
  await psqlRows(leader, "CREATE TABLE kept (id int PRIMARY KEY)");
  expect(await moved.stop()).toEqual({ code: 0, signal: null });
  const [port] = await freePorts(1);
  moved.start(["--peer", `${HOST}:${port}`]);
  await moved.ready();
  await psqlRows(moved, "INSERT INTO kept VALUES (1)");
  await eventually("the leader knows where it is", 10_000, async () => {
    const { members } = await leader.status();
    return members.find(({ id }) => id === moved.name)?.peer === `${HOST}:${port}`;
  });
  // The next start needs no flag.
  await moved.stop();
  moved.start();
  await moved.ready();
  expect(await psqlRows(moved, "SELECT id FROM kept")).toEqual(["1"]);
});
