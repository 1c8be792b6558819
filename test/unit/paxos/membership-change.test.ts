import { expect, test } from "vitest";
import { nodeId } from "../../../src/paxos/types.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

const NEWCOMER = { name: "n4", incarnation: "n4", peer: "n4", sql: "n4" };

test("rule 35: a membership chosen at a slot governs from one window later, with no-ops until then", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.input(1, {
    kind: "changeMembership",
    id: 5,
    change: { kind: "addLearner", member: NEWCOMER },
  });
  cluster.settle();
  const { memberships, chosenIndex } = cluster.status(1);
  expect(memberships.at(-1)?.fromSlot).toBe(6);
  expect(chosenIndex).toBe(5);
  expect(cluster.chosenAt(2)).toEqual(["noop", "membership", "noop", "noop", "noop"]);
  expect(cluster.membershipAnswers()).toContainEqual({ id: 5, kind: "chosen", slot: 2 });
});

test("rule 35: a second change is refused while one is under way", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.input(1, {
    kind: "changeMembership",
    id: 5,
    change: { kind: "addLearner", member: NEWCOMER },
  });
  cluster.input(1, { kind: "changeMembership", id: 6, change: { kind: "remove", id: nodeId(3) } });
  expect(cluster.membershipAnswers()).toMatchObject([{ id: 6, kind: "refused" }]);
});

test("rule 36: a new member learns first and votes when it has caught up", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  cluster.input(1, {
    kind: "changeMembership",
    id: 5,
    change: { kind: "addLearner", member: NEWCOMER },
  });
  cluster.settle();
  cluster.drop();
  cluster.add(4);
  expect(cluster.status(4).role).toBe("learner");
  for (let ticks = 0; ticks < 20; ticks += 1) {
    for (const id of [1, 2, 3, 4]) cluster.tick(id);
    cluster.settle();
  }
  expect(cluster.status(4).role).toBe("follower");
  expect(cluster.chosenAt(4)).toEqual(cluster.chosenAt(1));
});

test("a removal that would leave too few reachable voters is refused", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  for (let ticks = 0; ticks < 15; ticks += 1) {
    cluster.tick(1);
    cluster.settle(among(1, 2));
    cluster.drop();
  }
  cluster.input(1, { kind: "changeMembership", id: 5, change: { kind: "remove", id: nodeId(2) } });
  expect(cluster.membershipAnswers()).toMatchObject([{ id: 5, kind: "refused" }]);
});

test("a leader that removes itself hands over when the removal is in force", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.input(1, { kind: "changeMembership", id: 5, change: { kind: "remove", id: nodeId(1) } });
  cluster.settle();
  expect(cluster.status(1).role).toBe("learner");
  expect([2, 3].filter((id) => cluster.status(id).role === "leader")).toHaveLength(1);
});

test("a node that hears no leader asks one member after the other what it lacks", () => {
  const cluster = new PaxosCluster(3);
  cluster.add(4);
  const asked: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    cluster.tick(4, 10);
    asked.push(...cluster.flying(kind("fetch", { from: 4 })).map(({ to }) => to));
    cluster.drop();
  }
  expect(asked).toEqual([1, 2, 3]);
});
