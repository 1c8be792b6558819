import { expect, test } from "vitest";
import { type Entry, nodeId, slot } from "../../../src/paxos/types.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

test("rule 5: an accepted of an earlier ballot counts for nothing", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  const ballot = { round: 0, node: nodeId(1) };
  cluster.inject({ from: 2, to: 1, message: { kind: "accepted", ballot, slots: [slot(2)] } });
  expect(cluster.chosenAt(1)).toEqual(["noop"]);
});

test("rule 5: one acceptor that answers often is one vote", () => {
  const cluster = new PaxosCluster(5);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.deliver(kind("accept", { to: 2 }));
  const [answer] = cluster.flying(kind("accepted", { from: 2 }));
  for (let times = 0; times < 5; times += 1) if (answer !== undefined) cluster.inject(answer);
  expect(cluster.chosenAt(1)).toEqual(["noop"]);
});

test("rule 6: a new leader proposes again what was accepted under the highest ballot", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "lost?");
  cluster.deliver(kind("accept", { to: 2 }));
  cluster.drop();
  cluster.crash(1);
  cluster.campaign(2);
  cluster.settle(among(2, 3));
  expect(cluster.chosenAt(3)).toContain("lost?");
});

test("rule 7: a hole between repaired slots becomes a no-op, and everything is taken in order", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.drop(kind("accept"));
  cluster.propose(1, "b");
  cluster.deliver(kind("accept", { to: 2 }));
  cluster.drop();
  cluster.crash(1);
  cluster.campaign(2);
  cluster.settle(among(2, 3));
  expect(cluster.chosenAt(2)).toEqual(["noop", "noop", "b"]);
});

test("rule 8: a follower does not take its own entry for chosen if another ballot says so", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "loser");
  cluster.deliver(kind("accept", { to: 3 }));
  cluster.drop();
  cluster.crash(1);
  cluster.campaign(2);
  cluster.drop(kind("prepare", { to: 3 }));
  cluster.restart(1);
  // The disk of n1 kept the entry: only n3 and n1 have it, and n1 is cut off after its promise.
  cluster.settle(among(1, 2));
  const held = cluster.node(3).disk.durableEntry(slot(2));
  const { ballot, chosenIndex } = cluster.status(2);
  cluster.inject({ from: 2, to: 3, message: { kind: "chosen", ballot, chosenIndex } });
  expect(held?.ballot).not.toEqual(ballot);
  expect(cluster.chosenAt(3)).toEqual(["noop"]);
  cluster.tick(3);
  cluster.settle(kind("fetch", { from: 3 }));
  cluster.settle(kind("fetched", { to: 3 }));
  expect(cluster.chosenAt(3)).toEqual(cluster.chosenAt(2));
});

test("rule 8: a leader that learns of a choice above its ballot does not announce it under its own", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "loser");
  cluster.deliver(kind("accept", { to: 3 }));
  cluster.drop();
  const { ballot } = cluster.status(1);
  const other = { round: 9, node: nodeId(2) };
  const winner: Entry = {
    slot: slot(2),
    ballot: other,
    value: { kind: "noop", payload: new Uint8Array(0) },
  };
  const fetched = {
    kind: "fetched",
    from: slot(2),
    entries: [winner],
    chosenIndex: slot(2),
    truncationFloor: slot(0),
  } as const;
  cluster.inject({ from: 2, to: 1, message: fetched });
  cluster.tick(1, 5);
  cluster.settle();
  expect(cluster.status(1).ballot).toEqual(ballot);
  expect(cluster.chosenAt(1)).toEqual(["noop", "noop"]);
  expect(cluster.chosenAt(3)).not.toContain("loser");
});

test("rule 8: a leader that a snapshot overtakes leads no longer", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "loser");
  const { memberships } = cluster.status(1);
  cluster.input(1, { kind: "snapshotInstalled", index: slot(5), memberships });
  expect(cluster.status(1).role).toBe("follower");
  expect(cluster.flying(kind("chosen"))).toHaveLength(0);
});

test("rule 32: a node that misses truncated slots asks for a snapshot and proposes nothing there", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  for (const command of ["a", "b", "c"]) {
    cluster.propose(1, command);
    cluster.settle(among(1, 2));
    cluster.drop();
  }
  for (const id of [1, 2]) cluster.input(id, { kind: "truncate", floor: slot(4) });
  cluster.crash(1);
  cluster.campaign(3);
  cluster.settle(among(2, 3));
  expect(cluster.status(3).role).toBe("candidate");
  expect(cluster.chosenAt(3)).toEqual(["noop"]);
});

test("a candidate that has to catch up asks once, not with every message", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  cluster.drop();
  cluster.crash(1);
  cluster.campaign(3);
  cluster.deliver(kind("prepare", { to: 2 }));
  cluster.deliver(kind("promise", { from: 2 }));
  for (let id = 1; id <= 10; id += 1) cluster.propose(3, "x");
  expect(cluster.flying(kind("fetch", { from: 3 }))).toHaveLength(1);
});

test("a fetch from far below the floor is answered at once", () => {
  const cluster = new PaxosCluster(1);
  const floor = slot(1_000_000_000_000);
  const { memberships } = cluster.status(1);
  cluster.input(1, { kind: "snapshotInstalled", index: floor, memberships });
  cluster.inject({ from: 2, to: 1, message: { kind: "fetch", from: slot(1) } });
  const [answer] = cluster.flying(kind("fetched"));
  expect(answer?.message).toMatchObject({ entries: [], truncationFloor: floor });
});
