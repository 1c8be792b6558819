/**
 * Goal: whatever nodes crash, wait or were wiped, a bootstrap list becomes one cluster or none.
 * Method: real peer ports on loopback; a crash is a closed port and a forgotten Formation, while the
 * identity that was stored stays.
 */
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../src/base/address.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { NodeConfig } from "../../../src/node/config.ts";
import { enterCluster, RefusedAfterContact, serveJoin } from "../../../src/node/enter-cluster.ts";
import type {
  Identity,
  IdentityStore,
  MemberIdentity,
  Origin,
} from "../../../src/node/identity.ts";
import type { JoinAnswer, JoinRequest } from "../../../src/node/join.ts";
import { decodeMembership, encodeMembership, withLearner } from "../../../src/paxos/membership.ts";
import { PeerListener } from "../../../src/transport/peer-listener.ts";
import { onCleanup, until } from "../transport/loopback.ts";

class MemoryStore implements IdentityStore {
  current: Identity | null = null;

  async store(identity: Identity): Promise<void> {
    this.current = identity;
  }
}

interface Starter {
  readonly name: string;
  readonly peer: string;
  readonly store: MemoryStore;
}

interface Started {
  readonly outcome: Promise<MemberIdentity>;
  readonly listener: PeerListener;
  readonly logged: string[];
  crash(): Promise<void>;
}

async function start(starter: Starter, origin: Origin | null): Promise<Started> {
  const logged: string[] = [];
  const log = pino({ level: "info" }, { write: (line) => void logged.push(line) });
  const address = parseAddress(starter.peer);
  if (address === null) throw new Error("bad address in the test");
  const settings = { clock: systemClock, log, softwareVersion: "test" };
  const listener = await PeerListener.open(address, settings);
  const abort = new AbortController();
  const addresses = { sql: "127.0.0.1:5432", peer: starter.peer, http: null };
  const config = { name: starter.name, addresses, origin } as NodeConfig;
  const { store } = starter;
  const outcome = enterCluster({
    config,
    store,
    listener,
    ...settings,
    window: 8,
    signal: abort.signal,
  });
  // The test looks at it later, or not at all.
  outcome.catch(() => undefined);
  const crash = async () => {
    abort.abort();
    await listener.close();
    await outcome.catch(() => undefined);
  };
  onCleanup(crash);
  return { outcome, listener, logged, crash };
}

/** Ports that were free a moment ago. */
async function starters(count: number): Promise<Starter[]> {
  const listeners: PeerListener[] = [];
  const settings = { clock: systemClock, log: pino({ level: "silent" }), softwareVersion: "test" };
  for (let left = count; left > 0; left -= 1) {
    listeners.push(await PeerListener.open({ host: "127.0.0.1", port: 0 }, settings));
  }
  const made = listeners.map((listener, at) => ({
    name: `n${at + 1}`,
    peer: listener.address,
    store: new MemoryStore(),
  }));
  for (const listener of listeners) await listener.close();
  return made;
}

function bootstrap(nodes: readonly Starter[]): Origin {
  return { kind: "bootstrap", members: nodes.map(({ name, peer }) => ({ name, peer })) };
}

async function three(): Promise<[Starter, Starter, Starter]> {
  const [a, b, c] = await starters(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error("no ports");
  return [a, b, c];
}

describe("formation", () => {
  test("three nodes with one list become one cluster, whoever starts last", async () => {
    const nodes = await three();
    const started: Started[] = [];
    for (const node of nodes.toReversed()) started.push(await start(node, bootstrap(nodes)));
    const identities = await Promise.all(started.map((node) => node.outcome));
    expect(new Set(identities.map((identity) => identity.clusterId)).size).toBe(1);
    expect(identities.map((identity) => identity.nodeId)).toEqual([3, 2, 1]);
    const [first] = identities;
    const { members } = decodeMembership(first?.membership ?? new Uint8Array(0));
    expect(members.map((member) => [member.name, member.voter])).toEqual([
      ["n1", true],
      ["n2", true],
      ["n3", true],
    ]);
  });

  test("one node alone in its list is a cluster at once", async () => {
    const [a] = await three();
    const started = await start(a, bootstrap([a]));
    expect(await started.outcome).toMatchObject({ kind: "member", nodeId: 1 });
  });

  test("while nodes are missing, says for whom it waits and founds nothing", async () => {
    const [a, b, c] = await three();
    const founder = await start(a, bootstrap([a, b, c]));
    await until(() => founder.logged.some((line) => line.includes("waiting for n2, n3")));
    await start(b, bootstrap([a, b, c]));
    await until(() => founder.logged.some((line) => line.includes("waiting for n3")));
    expect(a.store.current?.kind).toBe("candidate");
  });

  test("the founder crashes right after founding: the others get the same cluster from its disk", async () => {
    const nodes = await three();
    const [a, b, c] = nodes;
    const founder = await start(a, bootstrap(nodes));
    const second = await start(b, bootstrap(nodes));
    const third = await start(c, bootstrap(nodes));
    const { clusterId } = await founder.outcome;
    await Promise.all([founder.crash(), second.crash(), third.crash()]);
    b.store.current = await candidateAgain(b);
    await start(a, null);
    const again = await start(b, bootstrap(nodes));
    expect((await again.outcome).clusterId).toBe(clusterId);
  });

  test("a founder that was wiped after founding is refused, not allowed a second cluster", async () => {
    const nodes = await three();
    const [a, b, c] = nodes;
    const started = [];
    for (const node of nodes) started.push(await start(node, bootstrap(nodes)));
    await Promise.all(started.map((node) => node.outcome));
    await started[0]?.crash();
    const wiped: Starter = { ...a, store: new MemoryStore() };
    const again = await start(wiped, bootstrap([a, b, c]));
    await expect(again.outcome).rejects.toThrow("n1 is known with another incarnation");
    expect(wiped.store.current?.kind).toBe("candidate");
  });

  test("different lists are refused with both lists", async () => {
    const [a, b, c] = await three();
    await start(a, bootstrap([a, b, c]));
    const other = await start(b, bootstrap([b, a]));
    await expect(other.outcome).rejects.toThrow("give all nodes the same list");
  });

  test("a crash before the founding changes nobody's incarnation", async () => {
    const nodes = await three();
    const [a, b, c] = nodes;
    const founder = await start(a, bootstrap(nodes));
    const second = await start(b, bootstrap(nodes));
    await until(() => founder.logged.some((line) => line.includes("waiting for n3")));
    const before = b.store.current?.incarnation;
    await second.crash();
    const secondAgain = await start(b, bootstrap(nodes));
    await start(c, bootstrap(nodes));
    expect((await secondAgain.outcome).incarnation).toBe(before);
    expect((await founder.outcome).clusterId).toBe((await secondAgain.outcome).clusterId);
  });
});

/** The candidate that a member was, as if the crash had come before it stored its membership. */
async function candidateAgain(starter: Starter): Promise<Identity> {
  const identity = starter.store.current;
  if (identity === null) throw new Error("never started");
  const { name, incarnation, addresses } = identity;
  return { kind: "candidate", name, incarnation, addresses, origin: { kind: "join", seeds: [] } };
}

describe("joining", () => {
  /** A member of a one-node cluster that answers as `decide` says. */
  async function startMember(a: Starter, decide: (request: JoinRequest) => JoinAnswer) {
    const member = await start(a, bootstrap([a]));
    const identity = await member.outcome;
    serveJoin(member.listener, async (request) => decide(request));
    return identity;
  }

  function admit(identity: MemberIdentity, request: JoinRequest): JoinAnswer {
    const { name, incarnation, peer, sql } = request;
    const membership = withLearner(decodeMembership(identity.membership), {
      name,
      incarnation,
      peer,
      sql,
    });
    const { clusterId, window } = identity;
    return {
      kind: "joined",
      admission: { clusterId, window, membership: encodeMembership(membership) },
    };
  }

  test("a node is let in after a while and learns cluster, number and window", async () => {
    const [a, b] = await three();
    let asked = 0;
    const identity: MemberIdentity = await startMember(a, (request) => {
      asked += 1;
      return asked < 3 ? { kind: "later", reason: "no leader" } : admit(identity, request);
    });
    const joiner = await start(b, { kind: "join", seeds: [a.peer] });
    const joined = await joiner.outcome;
    expect(joined).toMatchObject({ clusterId: identity.clusterId, nodeId: 2, window: 8 });
    expect(joiner.logged.some((line) => line.includes("no leader"))).toBe(true);
  });

  test("a seed that is down is passed over for the next", async () => {
    const [a, b, c] = await three();
    const identity: MemberIdentity = await startMember(a, (request) => admit(identity, request));
    const joiner = await start(b, { kind: "join", seeds: [c.peer, a.peer] });
    expect((await joiner.outcome).nodeId).toBe(2);
  });

  test("a name in use is refused, and that start may be undone", async () => {
    const [a, b] = await three();
    await startMember(a, () => ({ kind: "refused", reason: "n2 is in use" }));
    const joiner = await start(b, { kind: "join", seeds: [a.peer] });
    const error: unknown = await joiner.outcome.catch((caught: unknown) => caught);
    expect(String(error)).toContain("n2 is in use");
    expect(error).not.toBeInstanceOf(RefusedAfterContact);
  });

  test("refused after an answer was lost: the incarnation may be known and must be kept", async () => {
    const [a, b] = await three();
    let asked = 0;
    await startMember(a, () => {
      asked += 1;
      if (asked === 1) throw new Error("the answer is lost");
      return { kind: "refused", reason: "n2 is in use" };
    });
    const joiner = await start(b, { kind: "join", seeds: [a.peer] });
    await expect(joiner.outcome).rejects.toBeInstanceOf(RefusedAfterContact);
  });
});
