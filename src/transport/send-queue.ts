import type { EncodedFrame } from "./frame.ts";

/** Bulk carries entries or chunks and is dropped first; control is small and keeps the cluster together. */
export type FrameClass = "bulk" | "control";

interface Queued {
  readonly frame: EncodedFrame;
  readonly frameClass: FrameClass;
}

/**
 * What waits for one peer, bounded in bytes and frames. Over a bound the oldest bulk frame goes, or
 * the oldest frame of all when no bulk is left: newer messages are worth more, because the core
 * sends again what was lost.
 */
export class SendQueue {
  readonly #bytesMax: number;
  readonly #framesMax: number;
  #frames: Queued[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(bytesMax: number, framesMax: number) {
    this.#bytesMax = bytesMax;
    this.#framesMax = framesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#frames.length;
  }

  /** Frames that were given and never taken. */
  get dropped(): number {
    return this.#dropped;
  }

  push(frame: EncodedFrame, frameClass: FrameClass): void {
    this.#frames.push({ frame, frameClass });
    this.#bytes += frame.bytes;
    while (this.#bytes > this.#bytesMax || this.#frames.length > this.#framesMax) this.#dropOne();
  }

  shift(): EncodedFrame | undefined {
    const queued = this.#frames.shift();
    if (queued !== undefined) this.#bytes -= queued.frame.bytes;
    return queued?.frame;
  }

  /** Drops everything. */
  clear(): void {
    this.#dropped += this.#frames.length;
    this.#frames = [];
    this.#bytes = 0;
  }

  /** Counts a message that could not even be queued. */
  countDropped(): void {
    this.#dropped += 1;
  }

  #dropOne(): void {
    const bulk = this.#frames.findIndex((queued) => queued.frameClass === "bulk");
    const [gone] = this.#frames.splice(Math.max(bulk, 0), 1);
    if (gone === undefined) return;
    this.#bytes -= gone.frame.bytes;
    this.#dropped += 1;
  }
}
