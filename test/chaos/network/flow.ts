/**
 * The bytes that go from one node to another over one connection. What the rules of the pair say
 * happens here: held back, delayed, damaged, cut off.
 */
import type { Socket } from "node:net";
import type { Random } from "../../../src/base/random.ts";

/** What happens to everything that `from` sends to `to`, over whichever connection. */
export interface FlowRules {
  /** Nothing gets through, as if every packet were lost; it comes late when this ends. */
  blocked: boolean;
  delayMs: number;
  /** Added to the delay: uniform from 0 to this. */
  jitterMs: number;
  /** The connection is reset after so many further bytes, once; null: never. */
  cutAfterBytes: number | null;
  /** One bit of so many of 1000 pieces is turned. */
  flipsPerMille: number;
}

export function quiet(): FlowRules {
  return { blocked: false, delayMs: 0, jitterMs: 0, cutAfterBytes: null, flipsPerMille: 0 };
}

/** What was done, by kind. */
export interface FlowCounts {
  cuts: number;
  flips: number;
}

/** Beyond this the sender is not read any more, as with a full socket buffer. */
const WAITING_BYTES_MAX = 256 * 1024;

interface Waiting {
  readonly chunk: Buffer;
  readonly dueMs: number;
}

export interface FlowParts {
  readonly source: Socket;
  readonly target: Socket;
  readonly rules: FlowRules;
  readonly counts: FlowCounts;
  readonly random: Random;
  /** Ends the connection on both sides with a reset. */
  readonly reset: () => void;
}

export class Flow {
  readonly #parts: FlowParts;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #sourceEnded = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: FlowParts) {
    this.#parts = parts;
    const { source, target } = parts;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("close", () => {
      this.#sourceEnded = true;
      this.pump();
    });
    target.on("drain", () => this.pump());
    source.resume();
  }

  /** Passes on what may go now. To be called when the rules have changed. */
  pump(): void {
    const { target, rules, source } = this.#parts;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (!rules.blocked && !target.writableNeedDrain) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const waitMs = first.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= first.chunk.length;
      if (!this.#pass(first.chunk)) return;
    }
    if (this.#waitingBytes < WAITING_BYTES_MAX) source.resume();
    // While packets are lost, nobody learns that the other side has gone.
    if (this.#sourceEnded && this.#waiting.length === 0 && !rules.blocked) target.destroy();
  }

  /** No timer may keep the process alive. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #take(chunk: Buffer): void {
    const { rules, random, source } = this.#parts;
    const jitterMs = rules.jitterMs === 0 ? 0 : random.below(rules.jitterMs + 1);
    // A stream never overtakes itself; two connections of a pair do.
    const dueMs = Math.max(performance.now() + rules.delayMs + jitterMs, this.#lastDueMs);
    this.#lastDueMs = dueMs;
    this.#waiting.push({ chunk, dueMs });
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) source.pause();
    this.pump();
  }

  /** False: the connection was reset. */
  #pass(chunk: Buffer): boolean {
    const { target, rules, counts, random, reset } = this.#parts;
    const { cutAfterBytes } = rules;
    if (cutAfterBytes !== null && chunk.length >= cutAfterBytes) {
      rules.cutAfterBytes = null;
      counts.cuts += 1;
      // The bytes before the cut arrive: the other side is left with the beginning of a frame.
      target.write(chunk.subarray(0, cutAfterBytes), reset);
      return false;
    }
    if (cutAfterBytes !== null) rules.cutAfterBytes = cutAfterBytes - chunk.length;
    if (rules.flipsPerMille > 0 && random.below(1000) < rules.flipsPerMille) {
      const at = random.below(chunk.length);
      chunk.writeUInt8(chunk.readUInt8(at) ^ (1 << random.below(8)), at);
      counts.flips += 1;
    }
    target.write(chunk);
    return true;
  }
}
