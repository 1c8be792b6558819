/**
 * Goal: the oracles bite. Each mutant of faults.md section 4 is one deliberate defect, put around or
 * into the core, and must be noticed within a stated number of seeds.
 */
import { afterEach, expect, test, vi } from "vitest";
import { Acceptor } from "../../src/paxos/acceptor.ts";
import { BALLOT_ZERO, type Ballot } from "../../src/paxos/ballot.ts";
import { Log } from "../../src/paxos/log.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type * as quorum from "../../src/paxos/quorum.ts";
import { type NodeId, nodeId, slot } from "../../src/paxos/types.ts";
import { simulateCore } from "../simulator/core-world/core-world.ts";
import type { Mutant } from "../simulator/core-world/mutant.ts";
import type { PaxosNode } from "../support/paxos-node.ts";

type Quorum = typeof quorum;

const defect = vi.hoisted(() => ({ halfIsEnough: false }));

vi.mock("../../src/paxos/quorum.ts", async (importOriginal) => {
  const original = await importOriginal<Quorum>();
  const isQuorum: Quorum["isQuorum"] = (membership, nodes) => {
    if (!defect.halfIsEnough) return original.isQuorum(membership, nodes);
    const voters = membership.members.filter(({ voter }) => voter);
    return voters.filter(({ id }) => nodes.has(id)).length >= Math.max(1, voters.length / 2 - 0.5);
  };
  const isQuorumOfAll: Quorum["isQuorumOfAll"] = (memberships, nodes) =>
    memberships.every((membership) => isQuorum(membership, nodes));
  return { ...original, isQuorum, isQuorumOfAll };
});

afterEach(() => {
  defect.halfIsEnough = false;
  vi.restoreAllMocks();
});

/**
 * Runs seeds until one notices; throws after `seedsMax`. `first` skips seeds that are known not to,
 * to keep the test short: the budget counts from seed 1.
 */
function seedsToKill(
  seedsMax: number,
  mutant: Mutant,
  first = 1,
): { seeds: number; invariant: string } {
  for (let seed = first; seed <= seedsMax; seed += 1) {
    const { violation } = simulateCore(seed, { mutant });
    if (violation !== null) return { seeds: seed, invariant: violation.invariant };
  }
  throw new Error(`not noticed in ${seedsMax} seeds`);
}

function passOn(from: NodeId, message: Message): readonly [NodeId, Message][] {
  return [[from, message]];
}

function changed(change: (node: PaxosNode, message: Message) => Message): Mutant {
  return { deliver: (node, from, message) => [[from, change(node, message)]] };
}

test("m1: a promise that is sent before it is synced is noticed", () => {
  const mutant: Mutant = {
    liesAboutSync: (records) => records.every(({ kind }) => kind === "promised"),
  };
  expect(seedsToKill(20, mutant).invariant).toMatch(/^M/);
});

test("m2: accepted sent before its sync is noticed", () => {
  const mutant: Mutant = {
    liesAboutSync: (records) => records.some(({ kind }) => kind === "accepted"),
  };
  expect(seedsToKill(20, mutant).invariant).toMatch(/^[MD]/);
});

test("m5: a new leader that repairs nothing is noticed", () => {
  const mutant = changed((_node, message) =>
    message.kind === "promise" ? { ...message, accepted: [] } : message,
  );
  expect(seedsToKill(200, mutant).invariant).toMatch(/^[ABCDLMP]/);
});

test("m6: repairing with the lowest ballot's value is noticed", () => {
  const upsideDown = (ballot: Ballot): Ballot => ({ ...ballot, round: 1_000_000 - ballot.round });
  const mutant = changed((_node, message) =>
    message.kind === "promise"
      ? {
          ...message,
          accepted: message.accepted.map((entry) => ({
            ...entry,
            ballot: upsideDown(entry.ballot),
          })),
        }
      : message,
  );
  expect(seedsToKill(2000, mutant, 650).invariant).toMatch(/^[ABDLMPT]/);
});

test("m8: an accepted ballot that is no promise after a restart is noticed", () => {
  const mutant: Mutant = { recover: (initial) => ({ ...initial, promised: BALLOT_ZERO }) };
  expect(seedsToKill(50, mutant).invariant).toMatch(/^M/);
});

test("m9: accepting below the promise is noticed", () => {
  vi.spyOn(Acceptor.prototype, "refuses").mockReturnValue(false);
  expect(seedsToKill(100, {}).invariant).toMatch(/^([AMDB]|a node never fails)/);
});

test("m11: counting a promise for another ballot is noticed", () => {
  const mutant = changed((node, message) =>
    message.kind === "promise" && node.replica.status().role === "candidate"
      ? { ...message, ballot: node.replica.status().ballot, attempt: message.attempt + 1000 }
      : message,
  );
  const replayed: Mutant = {
    deliver: (node, from, message) =>
      message.kind === "probeReply"
        ? [
            [from, message],
            [from, promiseOf(node)],
          ]
        : (mutant.deliver?.(node, from, message) ?? passOn(from, message)),
  };
  expect(seedsToKill(200, replayed).invariant).toMatch(/^[ABDLMP]/);
});

/** What a stale, empty promise looks like if its ballot is not compared. */
function promiseOf(node: PaxosNode): Message {
  return {
    kind: "promise",
    ballot: node.replica.status().ballot,
    attempt: 1_000_000,
    part: 0,
    last: true,
    accepted: [],
    chosenIndex: slot(0),
    faulty: [],
    faultyAnywhere: false,
  };
}

test("m12: counting one acceptor as two is noticed", () => {
  const mutant: Mutant = {
    deliver: (node, from, message) =>
      message.kind === "accepted"
        ? [1, 2, 3, 4, 5].filter((id) => id !== node.id).map((id) => [nodeId(id), message])
        : passOn(from, message),
  };
  expect(seedsToKill(50, mutant).invariant).toMatch(/^[AD]/);
});

test("m13: applying one's own entry whatever its ballot is noticed", () => {
  const mutant: Mutant = {
    deliver: (node, from, message) => {
      const { chosenIndex } = node.replica.status();
      const own = node.disk.durableEntry(slot(chosenIndex + 1));
      if (message.kind !== "heartbeat" || own === undefined) return passOn(from, message);
      const blind: Message = {
        kind: "chosen",
        ballot: own.ballot,
        chosenIndex: message.chosenIndex,
      };
      return [
        [from, message],
        [from, blind],
      ];
    },
  };
  expect(seedsToKill(500, mutant).invariant).toMatch(/^[AD]/);
});

test("m16: a leader that answers reads without asking a quorum is noticed", () => {
  expect(seedsToKill(200, { readsLocally: true }).invariant).toMatch(/^L/);
});

test("m3: half of the voters taken for a quorum is noticed", () => {
  defect.halfIsEnough = true;
  expect(seedsToKill(500, {}).invariant).toMatch(/^[ABDLV]/);
});

test("m33: a membership that rules at once is noticed", () => {
  vi.spyOn(Log.prototype, "governing").mockImplementation(function newest(this: Log) {
    return this.newest.membership;
  });
  expect(seedsToKill(1000, {}).invariant).toMatch(/^[ADLV]/);
});

test("m34: phase 1 with the newest membership only is noticed", () => {
  vi.spyOn(Log.prototype, "activeGoverning").mockImplementation(function newest(this: Log) {
    return [this.newest];
  });
  expect(seedsToKill(3000, {}, 200).invariant).toMatch(/^[ADLV]/);
});
