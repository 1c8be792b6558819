/** One thread of the machine, seen from the thread that owns it. */
import { Worker } from "node:worker_threads";
import { MachineError } from "./machine-error.ts";
import { type Stop, StopFlags, stopped } from "./stop.ts";
import {
  type AnswerMessage,
  type CallMessage,
  errorFromData,
  type ThreadRole,
  type ThreadStart,
} from "./worker-protocol.ts";

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** Asks that the call ends; null if it cannot be stopped. */
  readonly end: (() => void) | null;
  readonly stop: Stop | null;
}

interface Outgoing {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly stop?: Stop | null;
}

type CallOf<Calls, Name extends keyof Calls> = Extract<Calls[Name], (...args: never[]) => unknown>;
type ResultOf<Calls, Name extends keyof Calls> = Awaited<ReturnType<CallOf<Calls, Name>>>;

/** `Calls`: what the thread can be asked. */
export class MachineThread<Calls> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #flags = new StopFlags();
  readonly #exited: Promise<void>;
  readonly #onFailure: (error: MachineError) => void;
  #nextId = 1;
  /** Calls of this turn, and the buffers that go with them. */
  #unsent: CallMessage[] = [];
  #transfer: ArrayBuffer[] = [];
  /** Why no call can be answered any more. */
  #failure: MachineError | null = null;
  #isEnding = false;

  /** `onFailure` is called once if the thread ends otherwise than by `end`. */
  constructor(url: URL, role: ThreadRole, onFailure: (error: MachineError) => void) {
    this.#onFailure = onFailure;
    this.#worker = new Worker(url, {
      workerData: { ...role, stops: this.#flags.memory } satisfies ThreadStart,
    });
    this.#worker.on("message", (answers: readonly AnswerMessage[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    this.#worker.on("messageerror", (cause) => this.#fail("an answer cannot be read", cause));
    this.#worker.on("error", (cause) => this.#fail(cause.message, cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#fail(`the ${role.role} thread ended with code ${code}`, undefined);
        resolve();
      });
    });
  }

  /** Calls that wait for their answer. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Rejects with the error that the call threw, or with MachineError if the thread is gone. */
  async call<Name extends keyof Calls & string>(
    name: Name,
    ...args: Parameters<CallOf<Calls, Name>>
  ): Promise<ResultOf<Calls, Name>> {
    return this.#send<ResultOf<Calls, Name>>({ name, args });
  }

  /** As `call`, but rejects with 57014 as soon as `stop` asks for it and the thread has noticed. */
  async callUntil<Name extends keyof Calls & string>(
    stop: Stop,
    name: Name,
    ...args: Parameters<CallOf<Calls, Name>>
  ): Promise<ResultOf<Calls, Name>> {
    return this.#send<ResultOf<Calls, Name>>({ name, args, stop });
  }

  /** As `call` with one buffer, which the thread takes over. */
  async callTransferring<Name extends keyof Calls & string>(
    name: Name,
    buffer: Uint8Array<ArrayBuffer>,
  ): Promise<ResultOf<Calls, Name>> {
    return this.#send<ResultOf<Calls, Name>>({ name, args: [buffer] }, [buffer.buffer]);
  }

  /**
   * Asks the thread to end, and calls with a stop as well, and waits until it has, `waitMs` at most.
   * False: it is inside a statement that never looks, and goes on until that ends; it does not keep
   * the process alive.
   */
  async end(waitMs: number): Promise<boolean> {
    this.#isEnding = true;
    if (this.#failure !== null) {
      await this.#exited;
      return true;
    }
    for (const { end } of this.#pending.values()) end?.();
    this.#send({ name: "end", args: [] }).catch(() => {
      // The thread failed on its way out; its exit is what counts below.
    });
    const hasEnded = await this.#exitWithin(waitMs);
    if (!hasEnded) {
      this.#worker.unref();
      void this.#worker.terminate();
    }
    return hasEnded;
  }

  #send<Result>(
    { name, args, stop = null }: Outgoing,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (stop?.isAsked === true) return Promise.reject(stopped());
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const end = stop === null ? null : (): void => this.#flags.ask(id);
      if (end !== null) stop?.listen(end);
      this.#pending.set(id, { resolve, reject, end, stop });
      if (this.#unsent.length === 0) setImmediate(() => this.#post());
      this.#unsent.push({ id, name, args, stoppable: stop !== null });
      this.#transfer.push(...transfer);
    });
  }

  /** What was called in one turn of the event loop goes in one message: each wakes the thread. */
  #post(): void {
    const [calls, transfer] = [this.#unsent, this.#transfer];
    this.#unsent = [];
    this.#transfer = [];
    if (this.#failure === null) this.#worker.postMessage(calls, transfer);
  }

  #settle(answer: AnswerMessage): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (pending?.end) pending.stop?.ignore(pending.end);
    if (answer.kind === "result") pending?.resolve(answer.result as never);
    else pending?.reject(errorFromData(answer.error));
  }

  #fail(reason: string, cause: unknown): void {
    if (this.#failure !== null) return;
    const failure = new MachineError(reason, { cause });
    this.#failure = failure;
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#pending.clear();
    if (!this.#isEnding) this.#onFailure(failure);
  }

  #exitWithin(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs);
      void this.#exited.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
