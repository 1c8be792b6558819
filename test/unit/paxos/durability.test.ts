import { expect, test } from "vitest";
import { nodeId, slot } from "../../../src/paxos/types.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

test("rule 1: a promise leaves only when it is on the voter's disk", () => {
  const cluster = new PaxosCluster(3);
  cluster.slowDown(2);
  cluster.campaign(1);
  cluster.deliver(kind("prepare", { to: 2 }));
  expect(cluster.flying(kind("promise", { from: 2 }))).toHaveLength(0);
  cluster.persist(2);
  expect(cluster.flying(kind("promise", { from: 2 }))).toHaveLength(1);
});

test("rule 1: accepted leaves only when the entry is on the voter's disk", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.slowDown(2);
  cluster.propose(1, "a");
  cluster.deliver(kind("accept", { to: 2 }));
  expect(cluster.flying(kind("accepted", { from: 2 }))).toHaveLength(0);
  cluster.persist(2);
  expect(cluster.flying(kind("accepted", { from: 2 }))).toHaveLength(1);
});

test("rule 2: the leader's own vote counts after its own sync only", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.slowDown(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  expect(cluster.chosenAt(1)).toEqual(["noop"]);
  cluster.persist(1);
  expect(cluster.chosenAt(1)).toEqual(["noop", "a"]);
});

test("rule 3: an accept above the promise raises it in the entry's own record", () => {
  const cluster = new PaxosCluster(3);
  cluster.campaign(1);
  cluster.settle(among(1, 2));
  cluster.deliver(kind("accept", { to: 3 }));
  cluster.crash(3);
  cluster.restart(3);
  expect(cluster.status(3).ballot).toEqual({ round: 1, node: 1 });
});

test("rule 3: nothing is accepted below the promise, and the proposer is told", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.campaign(2);
  cluster.deliver(kind("prepare", { to: 3 }));
  cluster.propose(1, "late");
  cluster.deliver(kind("accept", { to: 3 }));
  expect(cluster.flying(kind("rejected", { from: 3, to: 1 }))).toHaveLength(1);
  cluster.deliver(kind("rejected"));
  expect(cluster.status(1).role).toBe("follower");
});

test("rule 4: a ballot is not used again after a crash in the middle of a campaign", () => {
  const cluster = new PaxosCluster(3);
  cluster.campaign(1);
  const first = cluster.status(1).ballot;
  cluster.drop();
  cluster.crash(1);
  cluster.restart(1);
  cluster.campaign(1);
  expect(cluster.status(1).ballot.round).toBeGreaterThan(first.round);
});

test("rule 4: no prepare leaves before its ballot is on the candidate's own disk", () => {
  const cluster = new PaxosCluster(3);
  cluster.slowDown(1);
  cluster.campaign(1);
  expect(cluster.flying(kind("prepare"))).toHaveLength(0);
  cluster.persist(1);
  expect(cluster.flying(kind("prepare"))).toHaveLength(2);
});

test("a stalled disk holds one answer a question, however often it is asked", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.slowDown(2);
  cluster.propose(1, "a");
  for (let times = 0; times < 100; times += 1) cluster.tick(1);
  cluster.deliver(kind("accept", { to: 2 }));
  cluster.persist(2);
  const answers = cluster.flying(kind("accepted", { from: 2 }));
  expect(answers).toHaveLength(1);
});

test("rule 33: installing a snapshot keeps the promise and what was accepted above", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  cluster.drop();
  cluster.propose(1, "b");
  cluster.deliver(kind("accept", { to: 3 }));
  const before = cluster.status(3);
  cluster.install(3, 1);
  expect(cluster.status(3).ballot).toEqual(before.ballot);
  cluster.crash(3);
  cluster.restart(3);
  expect(cluster.status(3).chosenIndex).toBe(2);
  expect(cluster.node(3).disk.durableEntry(slot(3))?.ballot.node).toBe(nodeId(1));
});
