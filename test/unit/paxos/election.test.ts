import { afterEach, expect, test, vi } from "vitest";
import { Confirmations } from "../../../src/paxos/confirmations.ts";
import { nodeId } from "../../../src/paxos/types.ts";
import { among, type InFlight, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

const ballotOf2 = { round: 9, node: nodeId(2) };

test("rule 9: a leader that hears no quorum for a timeout steps down", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.tick(1, 11);
  expect(cluster.status(1).role).toBe("follower");
});

test("rule 11: a voter that hears a leader grants no probe, and nothing changes there", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.tick(3, 11);
  cluster.settle(among(2, 3));
  expect(cluster.status(3).role).toBe("follower");
  expect(cluster.status(2).ballot).toEqual({ round: 1, node: 1 });
  expect(cluster.status(2).leader).toBe(nodeId(1));
});

test("rule 11: a node with an old log is elected if it alone reaches a quorum", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  cluster.drop();
  cluster.crash(1);
  cluster.tick(2, 10);
  cluster.drop();
  // It is behind: the first probe tells it so, it catches up, and the next one wins.
  for (let ticks = 0; ticks < 25; ticks += 1) {
    cluster.tick(3);
    cluster.settle(among(2, 3));
  }
  expect(cluster.status(3).role).toBe("leader");
  expect(cluster.chosenAt(3)).toContain("a");
});

test("rule 12: a node with an old log probes again as soon as it has caught up", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  cluster.drop();
  cluster.crash(1);
  cluster.tick(2, 10);
  cluster.drop();
  // One timeout for the probe that tells it, and no second one before the probe that wins.
  for (let ticks = 0; ticks < 13; ticks += 1) {
    cluster.tick(3);
    cluster.settle(among(2, 3));
  }
  expect(cluster.status(3).role).toBe("leader");
  expect(cluster.chosenAt(3)).toContain("a");
});

test("rule 13: a leader whose disk stalls hands over to a follower", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.slowDown(1);
  cluster.propose(1, "a");
  for (let ticks = 0; ticks < 32; ticks += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.status(1).role).toBe("follower");
  expect([2, 3].filter((id) => cluster.status(id).role === "leader")).toHaveLength(1);
});

test("rule 14: the fastest quorum decides; a silent follower delays nothing", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  expect(cluster.chosenAt(1)).toEqual(["noop", "a"]);
});

test("a promise to another candidate gives that one a whole timeout", () => {
  const cluster = new PaxosCluster(3);
  cluster.tick(3, 9);
  cluster.campaign(1);
  cluster.deliver(kind("prepare", { to: 3 }));
  cluster.tick(3, 9);
  expect(cluster.flying(kind("probe", { from: 3 }))).toHaveLength(0);
});

test("a promise to one candidate refuses the probes of others for a timeout", () => {
  const cluster = new PaxosCluster(3);
  cluster.campaign(1);
  cluster.deliver(kind("prepare", { to: 3 }));
  const probeOf2 = { from: 2, to: 3, message: { kind: "probe", ballot: ballotOf2 } } as const;
  const granted = () => {
    cluster.drop();
    cluster.inject(probeOf2);
    return cluster.flying(kind("probeReply", { from: 3 }))[0]?.message;
  };
  expect(granted()).toMatchObject({ granted: false });
  cluster.tick(3, 9);
  expect(granted()).toMatchObject({ granted: false });
  cluster.tick(3, 1);
  expect(granted()).toMatchObject({ granted: true });
});

afterEach(() => vi.restoreAllMocks());

/** Everybody ticks and only these links carry; one timeout is 10 ticks here. */
function pass(cluster: PaxosCluster, ticks: number, carries: (flying: InFlight) => boolean): void {
  for (let left = ticks; left > 0; left -= 1) {
    for (const id of cluster.ids()) cluster.tick(id);
    cluster.settle(carries);
    cluster.drop();
  }
}

/** N6: the old leader n1 reaches n2 only, and n2 everybody. */
const throughN2 = ({ from, to }: InFlight) => from === 2 || to === 2;

function leadersOf(cluster: PaxosCluster): number[] {
  return cluster.ids().filter((id) => cluster.status(id).role === "leader");
}

test("N6, rule 12: a leader that keeps one link and no quorum is replaced within four timeouts", () => {
  const cluster = new PaxosCluster(5);
  cluster.elect(1);
  pass(cluster, 4 * 10, throughN2);
  expect(leadersOf(cluster)).toEqual([2]);
});

test("m40: a leader that stays without a quorum keeps everybody from a new one", () => {
  vi.spyOn(Confirmations.prototype, "tick").mockImplementation(function stay(this: Confirmations) {
    this.beat();
    return true;
  });
  const cluster = new PaxosCluster(5);
  cluster.elect(1);
  pass(cluster, 4 * 10, throughN2);
  expect(leadersOf(cluster)).toEqual([1]);
});

test("N8, rule 12: in a chain the leader at one end stays, and its ballot with it", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  const { ballot } = cluster.status(1);
  pass(cluster, 100, throughN2);
  expect(leadersOf(cluster)).toEqual([1]);
  expect(cluster.status(2).ballot).toEqual(ballot);
});
