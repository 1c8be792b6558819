/**
 * Rule 27 as clusters live it: what a leader may do while the log of a voter has lost records of which
 * not even the slot is known.
 */
import { expect, test } from "vitest";
import { nodeId, slot } from "../../../src/paxos/types.ts";
import { memberNamed } from "../../support/genesis.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

/** The record of slot `at` on `id` rots with its header, and the node starts anew. */
function loseRecord(cluster: PaxosCluster, id: number, at: number): void {
  cluster.node(id).disk.rot(slot(at), "header");
  cluster.crash(id);
  cluster.restart(id);
}

/** Some time passes at `id`, and all that is sent arrives. */
function pass(cluster: PaxosCluster, id: number): void {
  for (let ticks = 0; ticks < 5; ticks += 1) {
    cluster.tick(id);
    cluster.settle();
  }
}

/** Whether `id` says in a promise that its log has lost records. */
function admitsLoss(cluster: PaxosCluster, id: number, candidate: number): boolean {
  cluster.campaign(candidate);
  cluster.settle(kind("prepare"));
  const [promise] = cluster.flying(kind("promise", { from: id, to: candidate }));
  cluster.settle();
  if (promise?.message.kind !== "promise") throw new Error(`n${id} promised nothing`);
  return promise.message.faultyAnywhere;
}

test("of two members, one of which lost a record, the other one vouches for every slot", () => {
  const cluster = new PaxosCluster(2);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  loseRecord(cluster, 2, 2);
  cluster.crash(1);
  cluster.restart(1);
  expect(admitsLoss(cluster, 2, 1)).toBe(true);
  cluster.propose(1, "b");
  cluster.settle();
  cluster.read(1, 7);
  cluster.settle();
  expect(cluster.readIndex(7)).toBe(4);
  pass(cluster, 2);
  expect(cluster.chosenAt(2)).toEqual(["noop", "a", "noop", "b"]);
});

test("the damaged one of two members makes up for what it lost when it leads", () => {
  const cluster = new PaxosCluster(2);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  loseRecord(cluster, 2, 2);
  cluster.elect(2);
  expect(cluster.chosenAt(2)).toEqual(["noop", "a", "noop"]);
  expect(admitsLoss(cluster, 2, 1)).toBe(false);
});

const LOST = 10;

/**
 * n1 and n2 are the members, and n3 gets a vote from slot 10 on. There n2, which leads, has "x" chosen
 * by n3 and itself, and then loses its record of it. n1, which was asked to accept what comes before,
 * has not heard that it is chosen. Nothing flies any more.
 */
function membershipToComeChoseWhatWasLost(): PaxosCluster {
  const cluster = new PaxosCluster(2);
  cluster.add(3);
  cluster.elect(2);
  const learner = { kind: "addLearner", member: memberNamed("n3") } as const;
  cluster.input(2, { kind: "changeMembership", id: 5, change: learner });
  cluster.settle();
  const promotion = { kind: "promote", id: nodeId(3) } as const;
  cluster.input(2, { kind: "changeMembership", id: 6, change: promotion });
  cluster.settle((flying) => !kind("chosen", { to: 1 })(flying));
  cluster.drop();
  cluster.propose(2, "x");
  cluster.settle((flying) => flying.to !== 1);
  expect(cluster.chosenAt(2)[LOST - 1]).toBe("x");
  expect(cluster.node(3).disk.durableEntry(slot(LOST))).toBeDefined();
  expect(cluster.status(1).chosenIndex).toBeLessThan(LOST - 1);
  cluster.drop();
  loseRecord(cluster, 2, LOST);
  return cluster;
}

test("a leader answers no read before enough voters of a membership to come know what they accepted", () => {
  const cluster = membershipToComeChoseWhatWasLost();
  cluster.campaign(1);
  cluster.settle(among(1, 2));
  cluster.read(1, 7);
  cluster.settle(among(1, 2));
  expect(cluster.status(1)).toMatchObject({ role: "leader", chosenIndex: LOST - 1 });
  expect(cluster.readIndex(7)).toBeUndefined();
  pass(cluster, 1);
  expect(cluster.readIndex(7)).toBeGreaterThanOrEqual(LOST);
  expect(cluster.chosenAt(1)[LOST - 1]).toBe("x");
});

test("a node does not take its lost records for made up for before that, and nothing is chosen twice", () => {
  const cluster = membershipToComeChoseWhatWasLost();
  cluster.campaign(2);
  cluster.settle(among(1, 2));
  expect(cluster.status(2)).toMatchObject({ role: "leader", chosenIndex: LOST - 1 });
  cluster.campaign(1);
  cluster.settle(among(1, 2));
  expect(cluster.status(1).role).toBe("leader");
  pass(cluster, 1);
  expect(cluster.chosenAt(1)[LOST - 1]).toBe("x");
});
