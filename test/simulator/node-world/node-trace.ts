/** What happened in a run of whole nodes: a hash over all of it, and the last events as lines. */
import type { PeerMessage } from "../../../src/transport/peer-messages.ts";

const EVENTS_KEPT = 50;

interface Event {
  readonly time: number;
  readonly host: number;
  readonly event: string;
  readonly number: number;
  readonly about: PeerMessage | string;
}

export class NodeTrace {
  readonly #onEvent: ((line: string) => void) | undefined;
  readonly #last: Event[] = [];
  #high = 0x2545f491;
  #low = 0x811c9dc5;
  #count = 0;

  constructor(onEvent?: (line: string) => void) {
    this.#onEvent = onEvent;
  }

  get hash(): string {
    return [this.#high, this.#low]
      .map((half) => (half >>> 0).toString(16).padStart(8, "0"))
      .join("");
  }

  get count(): number {
    return this.#count;
  }

  /** Whether somebody reads the lines. */
  get isRead(): boolean {
    return this.#onEvent !== undefined;
  }

  /** The last events, oldest first: milliseconds, host, event, and what it is about. */
  last(): readonly string[] {
    return this.#last.map(lineOf);
  }

  /** `number` must tell apart what two runs may do differently; `about` is for people only. */
  add(event: Event): void {
    this.#count += 1;
    this.#mix(event.time);
    this.#mix(event.host * 64 + event.event.length);
    this.#mix(event.number);
    this.#last.push(event);
    if (this.#last.length > EVENTS_KEPT) this.#last.shift();
    this.#onEvent?.(lineOf(event));
  }

  #mix(number: number): void {
    this.#low = Math.imul(this.#low ^ (number | 0), 0x01000193);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul((this.#high + number) | 0, 0x2c1b3c6d);
    this.#high ^= this.#high >>> 13;
  }
}

function lineOf({ time, host, event, number, about }: Event): string {
  const text = typeof about === "string" ? `${about} ${number}` : describe(about);
  return `${String(time).padStart(7)} h${String(host).padEnd(2)} ${event.padEnd(8)} ${text}`;
}

/** A message on one line: scalars as they are, lists by their length, bytes by their count. */
function describe(message: PeerMessage): string {
  const parts = Object.entries(message).flatMap(([name, value]: [string, unknown]) =>
    name === "kind" ? [] : [`${name}=${fieldText(value)}`],
  );
  return `${message.kind} ${parts.join(" ")}`;
}

function fieldText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.length}B`;
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === "number")
      ? `[${value.join()}]`
      : `#${value.length}`;
  }
  if ("round" in value && "node" in value) return `${String(value.round)}.${String(value.node)}`;
  return "kind" in value ? String(value.kind) : "{}";
}
