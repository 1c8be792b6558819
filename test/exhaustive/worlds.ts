/**
 * The bounded worlds. What makes each finite is in its fields: how often each node may campaign, how
 * many commands, changes, crashes and rotten records there are. No ticks: nothing is sent again by
 * itself (where `duplicates` is set, everything may arrive again instead), and nobody waits for a
 * timeout: a proposer campaigns whenever it likes, which is more than any timeout allows.
 */
import type { Message } from "../../src/paxos/messages.ts";
import { idOf, type World } from "./world.ts";

/** Heartbeats tell nothing that accepts do not; refusals only end leaderships. They may be lost. */
const QUIET: readonly Message["kind"][] = ["heartbeat", "heartbeatAck", "rejected"];
/** What is chosen is then learned from later accepts and in phase 1 only. */
const TERSE: readonly Message["kind"][] = [...QUIET, "chosen"];

const PLAIN = {
  voters: 3,
  learners: 0,
  crashes: 0,
  frail: [],
  rots: 0,
  rotTells: [],
  slotsMax: 2,
  window: 2,
  lost: QUIET,
  duplicates: true,
  slowDisks: [],
  change: null,
  alike: [],
  before: [],
} as const satisfies Partial<World>;

const ONE_EACH = { 1: { campaigns: 1, commands: 1 }, 2: { campaigns: 1, commands: 1 } } as const;
const THREE_BALLOTS = {
  1: { campaigns: 2, commands: 1 },
  2: { campaigns: 1, commands: 1 },
} as const;

const CRASH = {
  ...PLAIN,
  budgets: ONE_EACH,
  crashes: 1,
  duplicates: false,
  lost: TERSE,
} as const;

/** n1 leads and the first slot is chosen; ballots of n1 and n2 follow while one record rots. */
const RULE_27 = {
  ...PLAIN,
  budgets: THREE_BALLOTS,
  rots: 1,
  frail: [1, 2, 3],
  duplicates: false,
  lost: TERSE,
  before: [{ kind: "elect", node: 1 }],
} as const satisfies Partial<World>;

/** n1 leads, the membership is changed, and n2 tries to lead meanwhile. */
const CHANGE = {
  ...PLAIN,
  budgets: {
    1: { campaigns: 1, commands: 1, changes: 1 },
    2: { campaigns: 1, commands: 1 },
  },
  slotsMax: 4,
  duplicates: false,
  before: [{ kind: "elect", node: 1 }],
} as const satisfies Partial<World>;

export const WORLDS: readonly World[] = [
  {
    ...PLAIN,
    name: "duel",
    about: "two proposers, a ballot and a command each; messages late, lost and again and again",
    budgets: ONE_EACH,
  },
  {
    ...PLAIN,
    name: "slow-disks",
    about: "the same with a sync as an event of its own on every node",
    budgets: ONE_EACH,
    slowDisks: [1, 2, 3],
    duplicates: false,
    lost: TERSE,
  },
  {
    ...PLAIN,
    name: "refusals",
    about: "the same with refusals that arrive",
    budgets: ONE_EACH,
    duplicates: false,
    lost: ["heartbeat", "heartbeatAck", "chosen"],
  },
  {
    ...PLAIN,
    name: "three-ballots",
    about: "one of two proposers campaigns again: three ballots, over two or three slots",
    budgets: THREE_BALLOTS,
    duplicates: false,
    lost: TERSE,
  },
  {
    ...PLAIN,
    name: "four",
    about: "four voters, two of them alike",
    voters: 4,
    budgets: { 1: { campaigns: 1, commands: 1 }, 2: { campaigns: 1 } },
    alike: [3, 4],
    duplicates: false,
    lost: TERSE,
  },
  {
    ...CRASH,
    name: "proposer-crash",
    about: "a duel in which n1 crashes once, at any point between its writes and its syncs",
    frail: [1],
    slowDisks: [1],
  },
  {
    ...CRASH,
    name: "rival-crash",
    about: "the same with n2",
    frail: [2],
    slowDisks: [2],
  },
  {
    ...CRASH,
    name: "acceptor-crash",
    about: "the same with n3, which proposes nothing",
    frail: [3],
    slowDisks: [3],
  },
  {
    ...PLAIN,
    name: "same-proposer",
    about: "one proposer that crashes once and campaigns again; the two acceptors are alike",
    budgets: { 1: { campaigns: 2, commands: 1 } },
    crashes: 1,
    frail: [1],
    slowDisks: [1],
    alike: [2, 3],
    duplicates: false,
    lost: TERSE,
  },
  {
    ...RULE_27,
    name: "rule-27",
    about: "one rotten record at any of three nodes, its ballot known or nothing known",
    rotTells: ["ballot known", "nothing known"],
  },
  {
    ...RULE_27,
    name: "rule-27-slot-known",
    about: "the same with a record that still tells its slot only",
    rotTells: ["slot known"],
  },
  {
    ...RULE_27,
    name: "rule-27-two",
    about: "two voters, each of which alone meets every quorum; two rotten records",
    voters: 2,
    rots: 2,
    frail: [1, 2],
    rotTells: ["ballot known", "slot known", "nothing known"],
  },
  {
    ...RULE_27,
    name: "rule-27-four",
    about: "four voters, n3 and n4 alike; two rotten records",
    voters: 4,
    rots: 2,
    frail: [1, 2, 3, 4],
    budgets: { 1: { campaigns: 1, commands: 1 }, 2: { campaigns: 1 } },
    alike: [3, 4],
    rotTells: ["nothing known"],
  },
  {
    ...CHANGE,
    name: "rule-27-promotion",
    about: "two voters, n3 gets a vote; n1 loses a record without a trace",
    voters: 2,
    learners: 1,
    budgets: { 1: { campaigns: 2, changes: 1, commands: 1 }, 2: { campaigns: 1 } },
    lost: TERSE,
    rots: 1,
    frail: [1],
    rotTells: ["nothing known"],
    change: { kind: "promote", id: idOf(3) },
  },
  {
    ...CHANGE,
    name: "promotion",
    about: "two voters; a learner-only node gets a vote",
    voters: 2,
    learners: 1,
    slowDisks: [1, 2, 3],
    change: { kind: "promote", id: idOf(3) },
  },
  {
    ...CHANGE,
    name: "removal",
    about: "three voters; one of them is removed",
    lost: TERSE,
    change: { kind: "remove", id: idOf(3) },
  },
];

export function worldNamed(name: string): World {
  const world = WORLDS.find((candidate) => candidate.name === name);
  if (world === undefined) throw new Error(`there is no world ${name}`);
  return world;
}
