/**
 * What happened: a hash over all of it for comparing runs, the last events for people. Numbers are
 * hashed, not text: text is made only of the events that somebody reads.
 */
import type { Ballot } from "../../../../src/paxos/ballot.ts";
import type { LeadershipMessage, Message } from "../../../../src/paxos/messages.ts";
import type { Entry } from "../../../../src/paxos/types.ts";
import type { Scheduler } from "../../../support/simulation/scheduler.ts";
import { describeEntry, describeMessage } from "./text.ts";

const EVENTS_KEPT = 50;

interface Event {
  time: number;
  node: number;
  event: string;
  /** The other end of a message, or a plain number. */
  number: number;
  about: Message | Entry | string | null;
}

export class EventTrace {
  readonly #scheduler: Scheduler;
  readonly #onEvent: ((line: string) => void) | undefined;
  /** The last events in a ring; its objects are used again. */
  readonly #ring: Event[] = [];
  readonly #codes = new Map<string, number>();
  #hash = 0x811c9dc5;
  #other = 0x2545f491;
  #count = 0;

  constructor(scheduler: Scheduler, onEvent?: (line: string) => void) {
    this.#scheduler = scheduler;
    this.#onEvent = onEvent;
  }

  /** Over every event so far. */
  get hash(): string {
    return [this.#hash, this.#other]
      .map((half) => (half >>> 0).toString(16).padStart(8, "0"))
      .join("");
  }

  get count(): number {
    return this.#count;
  }

  /** The last events, oldest first: time, node, event, and what it is about. */
  last(): readonly string[] {
    const first = this.#count % EVENTS_KEPT;
    return [...this.#ring.slice(first), ...this.#ring.slice(0, first)].map(lineOf);
  }

  /** `node` and a message to or from `peer`. */
  message(node: number, event: string, peer: number, message: Message): void {
    this.#mixMessage(message);
    this.#add(node, event, peer, message);
  }

  entry(node: number, event: string, entry: Entry): void {
    this.#mix(entry.slot);
    this.#mixBallot(entry.ballot);
    this.#add(node, event, 0, entry);
  }

  /** A number, with a name that is one of a few. */
  note(node: number, event: string, number: number, name: string | null = null): void {
    if (name !== null) this.#mix(this.#codeOf(name));
    this.#add(node, event, number, name);
  }

  #add(node: number, event: string, number: number, about: Event["about"]): void {
    const time = this.#scheduler.now;
    this.#mix(time);
    this.#mix(node * 1024 + this.#codeOf(event));
    this.#mix(number);
    const at = this.#count % EVENTS_KEPT;
    this.#count += 1;
    const kept = this.#ring[at];
    if (kept === undefined) this.#ring.push({ time, node, event, number, about });
    else {
      kept.time = time;
      kept.node = node;
      kept.event = event;
      kept.number = number;
      kept.about = about;
    }
    if (this.#onEvent !== undefined) {
      this.#onEvent(lineOf({ time, node, event, number, about }));
    }
  }

  /** Names are numbered as they come: equal runs number them equally. */
  #codeOf(name: string): number {
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    const code = this.#codes.size + 1;
    this.#codes.set(name, code);
    for (let at = 0; at < name.length; at += 1) this.#mix(name.charCodeAt(at));
    return code;
  }

  #mixMessage(message: Message): void {
    this.#mix(this.#codeOf(message.kind));
    switch (message.kind) {
      case "prepare":
        this.#mixBallot(message.ballot);
        this.#mix(message.from);
        return this.#mix(message.attempt);
      case "promise":
        this.#mixBallot(message.ballot);
        this.#mix(message.chosenIndex * 64 + message.faulty.length);
        return this.#mix(message.part * 64 + message.accepted.length);
      case "accept":
        this.#mixBallot(message.ballot);
        this.#mix(message.slot);
        return this.#mix(message.chosenIndex * 1024 + message.value.payload.length);
      case "accepted":
        this.#mixBallot(message.ballot);
        for (const at of message.slots) this.#mix(at);
        return;
      case "rejected":
        this.#mixBallot(message.ballot);
        return this.#mixBallot(message.promised);
      case "chosen":
        this.#mixBallot(message.ballot);
        return this.#mix(message.chosenIndex);
      case "propose":
        return this.#mix(message.commands.length);
      case "fetch":
        return this.#mix(message.from);
      case "fetched":
        this.#mix(message.from * 64 + message.entries.length);
        return this.#mix(message.chosenIndex);
      default:
        return this.#mixLeadership(message);
    }
  }

  #mixLeadership(message: LeadershipMessage): void {
    switch (message.kind) {
      case "heartbeat":
      case "heartbeatAck":
        this.#mixBallot(message.ballot);
        this.#mix(message.sequence);
        return this.#mix(message.chosenIndex);
      case "probe":
      case "handOver":
        return this.#mixBallot(message.ballot);
      case "probeReply":
        this.#mixBallot(message.promised);
        return this.#mix(message.chosenIndex * 2 + (message.granted ? 1 : 0));
      case "readIndex":
        return this.#mix(message.id);
      case "readIndexReply":
        return this.#mix(message.id * 1024 + (message.index ?? -1));
    }
  }

  #mixBallot(ballot: Ballot): void {
    this.#mix(ballot.round * 64 + ballot.node);
  }

  #mix(number: number): void {
    const low = number | 0;
    this.#hash = Math.imul(this.#hash ^ low, 0x01000193);
    this.#hash ^= this.#hash >>> 15;
    this.#other = Math.imul((this.#other + low) | 0, 0x2c1b3c6d);
    this.#other ^= this.#other >>> 13;
  }
}

function lineOf({ time, node, event, number, about }: Event): string {
  return `${String(time).padStart(7)} n${String(node).padEnd(2)} ${event.padEnd(10)} ${textOf(number, about)}`;
}

function textOf(number: number, about: Event["about"]): string {
  if (about === null) return String(number);
  if (typeof about === "string") return number === 0 ? about : `${about} ${number}`;
  if ("kind" in about) return `n${number} ${describeMessage(about)}`;
  return describeEntry(about);
}
