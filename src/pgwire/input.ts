import { type Frame, FrameReader, type LengthLimit } from "./frame.ts";

/** The client's bytes as a queue of messages that one reader waits for. */
export class MessageInput {
  readonly #frames = new FrameReader();
  readonly #onWaiting: () => void;
  #ended = false;
  #interruption: Error | null = null;
  #wake: (() => void) | null = null;

  /** `onWaiting` is called whenever all that arrived was read and more is wanted. */
  constructor(onWaiting: () => void) {
    this.#onWaiting = onWaiting;
  }

  /** Bytes that arrived and were not read yet. */
  get waitingBytes(): number {
    return this.#frames.waitingBytes;
  }

  /** Whether the next message has this type and has begun to arrive. */
  nextIs(type: number): boolean {
    return this.#frames.nextIs(type);
  }

  /** Whether the reader waits for the client. */
  get isIdle(): boolean {
    return this.#wake !== null;
  }

  push(chunk: Uint8Array): void {
    this.#frames.push(chunk);
    this.#wakeUp();
  }

  /** Nothing more will come. What has arrived is still read. */
  end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  /** The reader gets `error` instead of its next message. The first interruption counts. */
  interrupt(error: Error): void {
    this.#interruption ??= error;
    this.#wakeUp();
  }

  /** The startup packet; null when the client has gone. */
  startup(): Promise<Frame | null> {
    return this.#read(() => this.#frames.nextStartup());
  }

  /** The next message; null when the client has gone. */
  message(limitOf: LengthLimit): Promise<Frame | null> {
    return this.#read(() => this.#frames.next(limitOf));
  }

  /** The next message if it is here already. Throws what interrupts the reader. */
  messageHere(limitOf: LengthLimit): Frame | null {
    this.throwIfInterrupted();
    return this.#frames.next(limitOf);
  }

  /** Throws what interrupts the reader. */
  throwIfInterrupted(): void {
    if (this.#interruption !== null) throw this.#interruption;
  }

  #read(next: () => Frame | null): Promise<Frame | null> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        this.#wake = null;
        try {
          this.throwIfInterrupted();
          const frame = next();
          if (frame !== null || this.#ended) return resolve(frame);
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)));
        }
        this.#wake = look;
        this.#onWaiting();
      };
      look();
    });
  }

  #wakeUp(): void {
    this.#wake?.();
  }
}
