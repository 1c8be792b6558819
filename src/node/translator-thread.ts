/**
 * The thread that translates large texts, seen from the main thread. There is none before the first
 * text comes, nor when none has come for a while: the parser's memory never shrinks. Texts are
 * translated one after the other, in the order in which they came.
 */
import { Worker } from "node:worker_threads";
import { stopped } from "../machine/stop.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import { errorOf, type LargeTexts, type TranslatedStatement } from "../sql/large-text.ts";
import type { TranslationContext } from "../sql/translate.ts";
import { stopping } from "./failures.ts";
import type { TranslatorAnswer, TranslatorQuestion } from "./translator-protocol.ts";

interface Job {
  readonly text: string;
  readonly context: TranslationContext;
  readonly resolve: (statements: readonly TranslatedStatement[] | null) => void;
  readonly reject: (error: Error) => void;
}

/** As much stack as the main thread has, so that what is too deep here is too deep there. */
const STACK_MEGABYTES = 1;

const IDLE_MS = 30_000;

export interface TranslatorThreadOptions {
  /** The compiled translator.ts; beside this file if not given. */
  readonly url?: URL;
  readonly idleMs?: number;
}

export class TranslatorThread implements LargeTexts {
  readonly #options: TranslatorThreadOptions;
  #worker: Worker | null = null;
  /** What the worker has. */
  #catalog: Catalog | null = null;
  /** The first is what the worker works at. */
  readonly #jobs: Job[] = [];
  #idle: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: TranslatorThreadOptions = {}) {
    this.#options = options;
  }

  /** Whether there is a thread now. */
  get isRunning(): boolean {
    return this.#worker !== null;
  }

  translate(
    text: string,
    context: TranslationContext,
    signal: AbortSignal,
  ): Promise<readonly TranslatedStatement[] | null> {
    if (this.#isClosed) return Promise.reject(stopping());
    if (signal.aborted) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      const cancel = (): void => this.#cancel(job);
      const ended = (): void => signal.removeEventListener("abort", cancel);
      const job: Job = {
        text,
        context,
        resolve(statements) {
          ended();
          resolve(statements);
        },
        reject(error) {
          ended();
          reject(error);
        },
      };
      signal.addEventListener("abort", cancel);
      this.#jobs.push(job);
      if (this.#jobs.length === 1) this.#next();
    });
  }

  /** Ends the thread; what waits for it is rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ended = this.#end();
    for (const { reject } of this.#jobs.splice(0)) reject(stopping());
    await ended;
  }

  #next(): void {
    const [job] = this.#jobs;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    if (job === undefined) {
      this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs ?? IDLE_MS).unref();
      return;
    }
    this.#worker ??= this.#start();
    const { catalog, ...context } = job.context;
    const isKnown = catalog === this.#catalog;
    this.#catalog = catalog;
    const question: TranslatorQuestion = {
      text: job.text,
      ...context,
      catalog: isKnown ? null : catalog,
    };
    this.#worker.postMessage(question);
  }

  #start(): Worker {
    const url = this.#options.url ?? new URL("./translator.js", import.meta.url);
    const worker = new Worker(url, { resourceLimits: { stackSizeMb: STACK_MEGABYTES } });
    // A thread that was given up may still say something.
    const failed = (error: unknown): void => {
      if (worker === this.#worker) this.#failed(error);
    };
    worker.on("message", (answer: TranslatorAnswer) => {
      if (worker === this.#worker) this.#answered(answer);
    });
    worker.on("messageerror", failed);
    worker.on("error", failed);
    worker.on("exit", (code) => failed(new Error(`the thread ended with code ${code}`)));
    return worker;
  }

  #answered(answer: TranslatorAnswer): void {
    const job = this.#jobs.shift();
    if (answer.kind === "error") job?.reject(errorOf(answer.error));
    else job?.resolve(answer.statements);
    this.#next();
  }

  /** The text has broken the thread; those after it get a new one. */
  #failed(error: unknown): void {
    void this.#end();
    this.#jobs.shift()?.reject(failureOf(error));
    this.#next();
  }

  /** A thread cannot be asked to give up a text: it is ended. */
  #cancel(job: Job): void {
    const at = this.#jobs.indexOf(job);
    if (at === -1) return;
    this.#jobs.splice(at, 1);
    job.reject(stopped());
    if (at > 0) return;
    void this.#end();
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#catalog = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    await worker?.terminate();
  }
}

function failureOf(error: unknown): SqlError {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new SqlError("53200", "out of memory", {
      detail: "The statement is too large to be translated.",
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SqlError("XX000", `translating the statement failed: ${message}`);
}
