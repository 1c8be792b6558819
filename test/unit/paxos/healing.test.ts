/** A voter that lost records leads once in peaceful times: then its answers vouch for slots again. */
import { expect, test } from "vitest";
import { slot } from "../../../src/paxos/types.ts";
import { among, type InFlight, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

const HEAL_TICKS = 100;

/** Three voters, led by n1, of which n2 has lost the record of slot 2 with its header. */
function damagedCluster(): PaxosCluster {
  const cluster = new PaxosCluster(3, { healTicks: HEAL_TICKS });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  loseRecord(cluster, 2, 2);
  return cluster;
}

function loseRecord(cluster: PaxosCluster, id: number, at: number): void {
  cluster.node(id).disk.rot(slot(at), "header");
  cluster.crash(id);
  cluster.restart(id);
}

/** Time passes everywhere; returns how often somebody was told to lead. What does not match is lost. */
function pass(
  cluster: PaxosCluster,
  ticks: number,
  which: (flying: InFlight) => boolean = () => true,
): number {
  let handOvers = 0;
  for (let left = ticks; left > 0; left -= 1) {
    for (const id of cluster.ids()) cluster.tick(id);
    handOvers += cluster.flying(kind("handOver")).length;
    cluster.settle(which);
    cluster.drop();
  }
  return handOvers;
}

function leaders(cluster: PaxosCluster): number[] {
  return cluster.ids().filter((id) => cluster.status(id).role === "leader");
}

test("a leader lets a voter lead that lost records, after some time and once", () => {
  const cluster = damagedCluster();
  expect(pass(cluster, HEAL_TICKS - 10)).toBe(0);
  expect(leaders(cluster)).toEqual([1]);
  expect(pass(cluster, 20)).toBe(1);
  expect(leaders(cluster)).toEqual([2]);
  expect(pass(cluster, 5 * HEAL_TICKS)).toBe(0);
  expect(leaders(cluster)).toEqual([2]);
});

test("two voters that lose records one after the other do not make the third one wait", () => {
  const cluster = damagedCluster();
  pass(cluster, HEAL_TICKS + 20);
  loseRecord(cluster, 3, 2);
  cluster.crash(1);
  cluster.restart(1);
  cluster.elect(1);
  cluster.propose(1, "b");
  cluster.settle();
  expect(cluster.chosenAt(1)).toContain("b");
});

test("a leader stays while the heir could not make up for what it lost", () => {
  const cluster = damagedCluster();
  expect(pass(cluster, 5 * HEAL_TICKS, among(1, 2))).toBe(0);
  expect(leaders(cluster)).toEqual([1]);
  loseRecord(cluster, 3, 2);
  expect(pass(cluster, 5 * HEAL_TICKS)).toBe(0);
  expect(leaders(cluster)).toEqual([1]);
  cluster.propose(1, "b");
  cluster.settle();
  expect(cluster.chosenAt(1)).toContain("b");
});

test("a leader stays while nobody has lost anything", () => {
  const cluster = new PaxosCluster(3, { healTicks: HEAL_TICKS });
  cluster.elect(1);
  expect(pass(cluster, 5 * HEAL_TICKS)).toBe(0);
  expect(leaders(cluster)).toEqual([1]);
});

test("an heir that cannot win is tried less and less often", () => {
  const cluster = damagedCluster();
  const mute = kind("prepare", { from: 2 });
  const handOvers = pass(cluster, 16 * HEAL_TICKS, (flying) => !mute(flying));
  expect(handOvers).toBeGreaterThanOrEqual(2);
  expect(handOvers).toBeLessThanOrEqual(8);
});
