/** Numbers for what is compared again and again: messages, and values proposed in slots under ballots. */
import { type Ballot, formatBallot } from "../../src/paxos/ballot.ts";
import { decodeBatch } from "../../src/paxos/batch.ts";
import { decodeMembershipEntry } from "../../src/paxos/membership.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { Entry, NodeId, Value } from "../../src/paxos/types.ts";
import type { GraphText } from "./object-graph.ts";
import { idOf } from "./world.ts";

export interface Posted {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

/** Gives equal things one number. */
export class Interner {
  readonly #numbers = new Map<string, number>();

  get size(): number {
    return this.#numbers.size;
  }

  /** The number of `key`, and whether it is new. */
  of(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/** All messages that were ever sent in a world. */
export class Messages {
  readonly #texts: readonly GraphText[];
  readonly #numbers = new Interner();
  readonly #posted: Posted[] = [];
  /** By renaming, by message: a number that equal messages share under all renamings. */
  readonly #keys: number[][] = [];
  readonly #keyNumbers = new Interner();

  /** `texts`: one for each renaming, the first renames nothing. */
  constructor(texts: readonly GraphText[]) {
    this.#texts = texts;
    this.#keys = texts.map(() => []);
  }

  get size(): number {
    return this.#posted.length;
  }

  number(posted: Posted): number {
    const texts = this.#texts.map((text) => text.of(posted));
    const number = this.#numbers.of(texts[0] ?? "");
    if (number === this.#posted.length) {
      this.#posted.push(posted);
      texts.forEach((text, renaming) => this.#keys[renaming]?.push(this.#keyNumbers.of(text)));
    }
    return number;
  }

  at(number: number): Posted {
    const posted = this.#posted[number];
    if (posted === undefined) throw new Error(`there is no message ${number}`);
    return posted;
  }

  key(renaming: number, number: number): number {
    return this.#keys[renaming]?.[number] ?? -1;
  }
}

/** A value in a slot under a ballot: what an accept asks for, and an acceptor votes for. */
export interface Proposal {
  readonly slot: number;
  readonly ballot: Ballot;
  /** Equal exactly if the values are. */
  readonly value: string;
  readonly entry: Entry;
}

export class Proposals {
  readonly #numbers = new Interner();
  readonly #proposals: Proposal[] = [];

  number(entry: Entry): number {
    const value = valueText(entry.value);
    const number = this.#numbers.of(`${entry.slot} ${formatBallot(entry.ballot)} ${value}`);
    if (number === this.#proposals.length) {
      this.#proposals.push({ slot: entry.slot, ballot: entry.ballot, value, entry });
    }
    return number;
  }

  at(number: number): Proposal {
    const proposal = this.#proposals[number];
    if (proposal === undefined) throw new Error(`there is no proposal ${number}`);
    return proposal;
  }
}

/** A value as text, equal exactly if the values are. */
export function valueText(value: Value): string {
  if (value.kind === "noop") return "no-op";
  if (value.kind === "membership") {
    const { basedOn, membership } = decodeMembershipEntry(value.payload);
    const members = membership.members.map(
      ({ id, voter }) => `${voter ? "" : "learner "}n${id - idOf(1) + 1}`,
    );
    return `members(${members.join(" ")}; made from ${basedOn})`;
  }
  const { commands, timestampMicros } = decodeBatch(value.payload);
  const texts = commands.map((command) => Buffer.from(command).toString("latin1"));
  return `${texts.join("+")}@${timestampMicros}`;
}
