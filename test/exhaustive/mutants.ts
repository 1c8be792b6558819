/**
 * Deliberate defects of the core, and the world in which each must be found out. Most must end in
 * two values chosen in one slot, not merely in a broken rule on the way there.
 */
import type { Defect } from "./transparent-core.ts";

export interface Mutant {
  readonly name: string;
  readonly world: string;
  /** "agreement": two values chosen in one slot. "any": the first invariant that breaks. */
  readonly breaks: "agreement" | "any";
  readonly defects: readonly Defect[];
}

const PROMISES = "paxos/promises.ts";
const ACCEPTOR = "paxos/acceptor.ts";
const LOG = "paxos/log.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "half of the voters are a quorum",
    world: "four",
    breaks: "any",
    defects: [
      {
        file: "paxos/quorum.ts",
        find: "return Math.floor(votersOf(membership).length / 2) + 1;",
        replace: "return Math.ceil(votersOf(membership).length / 2);",
      },
    ],
  },
  {
    name: "phase 1 repairs nothing",
    world: "duel",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "return this.#best.get(at);",
        replace: "return at < 0 ? this.#best.get(at) : undefined;",
      },
    ],
  },
  {
    name: "phase 1 repairs the value of the lowest ballot",
    world: "three-ballots",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "compareBallots(entry.ballot, best.ballot) > 0",
        replace: "compareBallots(entry.ballot, best.ballot) < 0",
      },
    ],
  },
  {
    name: "a promise is sent before it is durable",
    world: "acceptor-crash",
    breaks: "agreement",
    defects: [
      {
        file: ACCEPTOR,
        find: "this.#outbox.sendWhenDurable(to, {",
        replace: "this.#outbox.send(to, {",
      },
    ],
  },
  {
    name: "accepted is sent before it is durable",
    world: "acceptor-crash",
    breaks: "any",
    defects: [
      {
        file: ACCEPTOR,
        find: 'this.#outbox.sendWhenDurable(from, {\n      kind: "accepted",',
        replace: 'this.#outbox.send(from, {\n      kind: "accepted",',
      },
    ],
  },
  {
    name: "a ballot is used before it is durable",
    world: "same-proposer",
    breaks: "any",
    defects: [
      {
        file: "paxos/proposer.ts",
        find: "this.#outbox.sendWhenDurable(voter, this.#prepareMessage());",
        replace: "this.#outbox.send(voter, this.#prepareMessage());",
      },
    ],
  },
  {
    name: "an acceptor accepts below its promise",
    world: "duel",
    breaks: "agreement",
    defects: [
      {
        file: ACCEPTOR,
        find: "if (this.refuses(from, message.ballot)) return;\n    const raises",
        replace: "const raises",
      },
    ],
  },
  {
    name: "a promise for an earlier ballot is counted",
    world: "three-ballots",
    breaks: "agreement",
    defects: [
      {
        file: "paxos/proposer.ts",
        find: "if (!sameBallot(message.ballot, this.ballot)) return false;",
        replace: "if (!sameBallot(message.ballot, message.ballot)) return false;",
      },
    ],
  },
  {
    name: "a follower takes its own entry as chosen whatever its ballot",
    world: "duel",
    breaks: "any",
    defects: [
      {
        file: "paxos/learner.ts",
        find: "if (entry === undefined || !sameBallot(entry.ballot, ballot)) break;",
        replace: "if (entry === undefined || !sameBallot(ballot, ballot)) break;",
      },
    ],
  },
  {
    name: "rule 27: a faulty slot is reported as empty",
    world: "rule-27",
    breaks: "agreement",
    defects: [
      {
        file: LOG,
        find: ".filter(([at]) => at > this.#chosenIndex)",
        replace: ".filter(([at]) => at < 0)",
      },
    ],
  },
  {
    name: "rule 27: without (a), one clean answer is enough",
    world: "rule-27",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "return meetsEveryQuorum(membership, new Set(clean));\n  }\n\n  /** The same",
        replace:
          "return clean.length > 0 && isQuorum(membership, this.#complete);\n  }\n\n  /** The same",
      },
    ],
  },
  {
    name: "rule 27: without (b), any intact report outweighs a faulty one",
    world: "rule-27",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "best !== undefined && compareBallots(best.ballot, lost) >= 0;",
        replace: "best !== undefined && compareBallots(lost, lost) >= 0;",
      },
    ],
  },
  {
    name: "rule 27: an unknown ballot counts as the lowest",
    world: "rule-27-slot-known",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "return lost !== null && best !== undefined && compareBallots(best.ballot, lost) >= 0;",
        replace:
          "return lost === null ? true : best !== undefined && compareBallots(best.ballot, lost) >= 0;",
      },
    ],
  },
  {
    name: "rule 27: records lost without a trace do not count",
    world: "rule-27",
    breaks: "agreement",
    defects: [
      {
        file: PROMISES,
        find: "if (this.#faultyAnywhere.has(node)) return false;",
        replace: "if (node < 0 && this.#faultyAnywhere.has(node)) return false;",
      },
    ],
  },
  {
    name: "rule 27: one clean answer of four is enough",
    world: "rule-27-four",
    breaks: "agreement",
    defects: [
      {
        file: "paxos/quorum.ts",
        find: "return others < quorumSize(membership);",
        replace: "return others <= quorumSize(membership);",
      },
    ],
  },
  {
    name: "rule 27: what a membership to come chose cannot have been lost",
    world: "rule-27-promotion",
    breaks: "agreement",
    defects: [
      {
        file: "paxos/proposer.ts",
        find: "this.#promises.covers(membership) && this.#promises.vouchesFor(membership)",
        replace: "this.#promises.covers(membership)",
      },
    ],
  },
  {
    name: "a chosen membership governs at once",
    world: "promotion",
    breaks: "any",
    defects: [
      {
        file: LOG,
        find: "const fromSlot = slot(entry.slot + this.#window);",
        replace: "const fromSlot = slot(entry.slot + 1);",
      },
    ],
  },
  {
    name: "phase 1 asks the newest membership only",
    world: "promotion",
    breaks: "any",
    defects: [
      {
        file: LOG,
        find: "return governingFrom(upTo, slot(this.#chosenIndex + 1));",
        replace: "return governingFrom(upTo, this.horizon);",
      },
      {
        file: "paxos/proposer.ts",
        find: "const membership = this.#log.governing(at);\n    return",
        replace: "const { membership } = this.#log.newest;\n    return",
      },
    ],
  },
];
