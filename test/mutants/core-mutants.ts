/** Mistakes in the consensus core (src/paxos), hunted in the world of pure cores. */
import type { Mutant } from "./mutant.ts";

const ACCEPTOR = "src/paxos/acceptor.ts";
const LEARNER = "src/paxos/learner.ts";
const LOG = "src/paxos/log.ts";
const PROMISES = "src/paxos/promises.ts";
const PROPOSER = "src/paxos/proposer.ts";
const QUORUM = "src/paxos/quorum.ts";
const REPLICA = "src/paxos/replica.ts";

/** Promises, ballots and values. */
const VALUES: readonly Mutant[] = [
  {
    id: "m1",
    what: "a promise leaves before it is synced",
    world: "core",
    patches: [
      {
        file: ACCEPTOR,
        find: "this.#outbox.sendWhenDurable(to, { ...common, part",
        replace: "this.#outbox.send(to, { ...common, part",
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m2",
    what: "accepted leaves before it is synced",
    world: "core",
    patches: [
      {
        file: ACCEPTOR,
        find: 'this.#outbox.sendWhenDurable(from, {\n      kind: "accepted"',
        replace: 'this.#outbox.send(from, {\n      kind: "accepted"',
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m3",
    what: "one voter is a quorum",
    world: "core",
    patches: [
      {
        file: QUORUM,
        find: "return Math.floor(votersOf(membership).length / 2) + 1;",
        replace: "return Math.min(votersOf(membership).length, 1);",
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m3b",
    what: "half of the voters are a quorum",
    world: "core",
    patches: [
      {
        file: QUORUM,
        find: "return Math.floor(votersOf(membership).length / 2) + 1;",
        replace: "return Math.ceil(votersOf(membership).length / 2);",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m4",
    what: "the leader counts its own vote before its own sync",
    world: "core",
    patches: [
      {
        file: "src/paxos/outbox.ts",
        find: "if (!this.waitsForDisk) return",
        replace: "if (!this.waitsForDisk || to === this.#self) return",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m5",
    what: "a new leader does not repair what promises report",
    world: "core",
    patches: [
      {
        file: PROMISES,
        find: "for (const entry of message.accepted) if (entry.slot > settled) this.#consider(entry);",
        replace: "",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m6",
    what: "repair takes the value with the lowest ballot",
    world: "core",
    patches: [
      {
        file: PROMISES,
        find: "compareBallots(entry.ballot, best.ballot) > 0",
        replace: "compareBallots(entry.ballot, best.ballot) < 0",
      },
    ],
    seedsMax: 5000,
  },
  {
    id: "m7",
    what: "a no-op is proposed over an accepted value",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "if (reported !== undefined) return reported.value;",
        replace: "if (reported !== undefined) return NOOP;",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m8",
    what: "accept does not raise the promise",
    world: "core",
    patches: [
      { file: ACCEPTOR, find: "if (raises) this.#promised = message.ballot;", replace: "" },
    ],
    seedsMax: 1000,
  },
  {
    id: "m9",
    what: "ballots below the promise are accepted",
    world: "core",
    patches: [
      {
        file: ACCEPTOR,
        find: "if (compareBallots(ballot, this.#promised) >= 0) return false;",
        replace: "if (ballot.round >= 0) return false;",
      },
    ],
    seedsMax: 100,
  },
  {
    id: "m10",
    what: "a ballot is used before it is durable, and so again after a restart",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "this.#outbox.sendWhenDurable(voter, this.#prepareMessage());",
        replace: "this.#outbox.send(voter, this.#prepareMessage());",
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m11",
    what: "a promise for another ballot is counted",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "if (!sameBallot(message.ballot, this.ballot)) return false;",
        replace: "",
      },
    ],
    seedsMax: 5000,
  },
  {
    id: "m12",
    what: "a doubled acceptance counts as that of two voters",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "flight.votes.add(from);",
        replace: "flight.votes.add(flight.votes.has(from) ? (((from % 3) + 1) as NodeId) : from);",
      },
    ],
    seedsMax: 200,
  },
];

/** What is chosen, in which order, and reads of it. */
const CHOICES: readonly Mutant[] = [
  {
    id: "m13",
    what: "a follower takes its own entry as chosen whatever its ballot",
    world: "core",
    patches: [
      {
        file: LEARNER,
        find: "if (entry === undefined || !sameBallot(entry.ballot, ballot)) break;",
        replace: "if (entry === undefined) break;",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m14",
    what: "slots are applied as they are chosen, out of order",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "const flight = this.#inFlight.get(slot(this.#log.chosenIndex + 1));",
        replace: "const flight = [...this.#inFlight.values()].find(({ chosen }) => chosen);",
      },
      {
        file: LOG,
        find: "assert(entry.slot === this.#chosenIndex + 1, `slot ${entry.slot} is out of order`);",
        replace: "",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m15",
    what: "a follower passes over a slot that it lacks",
    world: "core",
    patches: [
      {
        file: LEARNER,
        find: "const entry = this.#log.entry(slot(this.#log.chosenIndex + 1));",
        replace:
          "const next = slot(this.#log.chosenIndex + 1);\n      const entry = this.#log.entry(next) ?? this.#log.entry(slot(next + 1));",
      },
      {
        file: LOG,
        find: "assert(entry.slot === this.#chosenIndex + 1, `slot ${entry.slot} is out of order`);",
        replace: "",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m16",
    what: "a leader answers reads without asking a quorum",
    world: "core",
    patches: [
      {
        file: "src/paxos/confirmations.ts",
        find: "if (!isQuorumOfAll(this.#log.active(), confirmed)) return;",
        replace: "",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m16b",
    what: "a leader answers reads before it has finished what earlier leaders began",
    world: "core",
    patches: [
      {
        file: PROPOSER,
        find: "return this.#isRepaired() && this.#log.chosenIndex >= this.#repairThrough;",
        replace: "return this.#leading;",
      },
    ],
    seedsMax: 500,
  },
];

/** Truncation and snapshots, as far as the core has to do with them. */
const SNAPSHOTS: readonly Mutant[] = [
  {
    id: "m24",
    what: "what a promiser has truncated counts as empty",
    world: "core",
    patches: [
      {
        file: PROMISES,
        find: "if (message.chosenIndex > this.#chosenIndex) {",
        replace: "if (message.chosenIndex < 0) {",
      },
    ],
    seedsMax: 2000,
  },
  {
    id: "m25",
    what: "installing a snapshot drops the promise",
    world: "core",
    patches: [
      {
        file: REPLICA,
        find: "    this.#learner.restart();\n",
        replace: "    this.#learner.restart();\n    this.#acceptor.forgetPromise();\n",
      },
      {
        file: ACCEPTOR,
        find: "  get promised(): Ballot {",
        replace:
          "  forgetPromise(): void {\n    this.#promised = { ...this.#promised, round: 0 };\n  }\n\n  get promised(): Ballot {",
      },
    ],
    seedsMax: 2000,
  },
  {
    id: "m26",
    what: "installing a snapshot drops what was accepted beyond it",
    world: "core",
    patches: [{ file: LOG, find: "this.#forget(index);", replace: "this.#entries.clear();" }],
    seedsMax: 5000,
  },
  {
    id: "m27",
    what: "a snapshot that is older than the log is installed",
    world: "core",
    patches: [
      {
        file: REPLICA,
        find: "if (input.index <= this.#log.chosenIndex) return;",
        replace: "",
      },
      {
        file: LOG,
        find: "assert(index > this.#chosenIndex, `a snapshot at ${index} is not newer`);",
        replace: "",
      },
    ],
    seedsMax: 500,
  },
];

/** Damaged records. */
const DAMAGE: readonly Mutant[] = [
  {
    id: "m29",
    what: "an acceptor says nothing of the records that it lost",
    world: "core",
    patches: [
      { file: ACCEPTOR, find: "faulty: this.#log.openFaultySlots(),", replace: "faulty: []," },
    ],
    seedsMax: 1000,
  },
];

/** Memberships and elections. */
const MEMBERSHIPS: readonly Mutant[] = [
  {
    id: "m33",
    what: "a membership rules at once",
    world: "core",
    patches: [
      { file: LOG, find: "return found.membership;", replace: "return this.newest.membership;" },
    ],
    seedsMax: 1000,
  },
  {
    id: "m34",
    what: "phase 1 asks the newest membership only",
    world: "core",
    patches: [
      {
        file: LOG,
        find: "return governingFrom(upTo, slot(this.#chosenIndex + 1));",
        replace: "return upTo.slice(-1);",
      },
    ],
    seedsMax: 3000,
  },
  {
    id: "m35",
    what: "a node that lost its disk comes back under its old number",
    world: "core",
    patches: [
      {
        file: "src/paxos/membership.ts",
        find: "const member: Member = { ...learner, id: nodeId(membership.nextId), voter: false };",
        replace: [
          "const taken = new Set<number>(membership.members.map(({ id }) => id));",
          "let free = 1;",
          "while (taken.has(free)) free += 1;",
          "const member: Member = { ...learner, id: nodeId(free), voter: false };",
        ].join("\n"),
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m36",
    what: "removed and learner-only nodes count in quorums",
    world: "core",
    patches: [
      {
        file: QUORUM,
        find: "const votes = votersOf(membership).filter((voter) => nodes.has(voter)).length;",
        replace: "const votes = nodes.size;",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m40",
    what: "a leader that hears no quorum goes on leading",
    world: "core",
    patches: [
      {
        file: REPLICA,
        find: 'if (this.#confirmations?.tick() === false) return this.#giveUp("no quorum is heard");',
        replace: "this.#confirmations?.tick();",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m41",
    what: "a leader that others hear counts as heard",
    world: "core",
    patches: [
      {
        file: "src/paxos/election.ts",
        find: "this.see(message.promised);",
        replace:
          "this.see(message.promised);\n    if (message.leader !== null) this.follow({ ...message.promised, node: message.leader });\n    if (this.#probing === null) return false;",
      },
    ],
    seedsMax: 500,
  },
];

export const CORE_MUTANTS: readonly Mutant[] = [
  ...VALUES,
  ...CHOICES,
  ...SNAPSHOTS,
  ...DAMAGE,
  ...MEMBERSHIPS,
];
