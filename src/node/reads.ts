/**
 * When a linearizable read may run: ask the leader for the read index, wait until everything up to
 * it is applied here. One question serves every reader that waits when it is sent; readers that
 * come later wait for the next one, because an index taken before a read began may miss a write
 * that was acknowledged in between.
 */
import type { Clock } from "../base/clock.ts";
import type { ReadIndexAnswer } from "../paxos/effects.ts";
import { neverProposed, stopping } from "./failures.ts";

interface Waiter {
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Question {
  readonly id: number;
  readonly sentMs: number;
  readonly readers: Waiter[];
}

export interface ReadsParts {
  readonly clock: Clock;
  /** Random, so that an answer to an earlier process of this node is never taken for one of ours. */
  readonly firstId: number;
  readonly timeoutMs: number;
  /** No answer for this long: ask again. */
  readonly retryMs: number;
  readonly ask: (id: number) => void;
  readonly appliedIndex: () => number;
  readonly whatIsMissing: () => string;
}

export class Reads {
  readonly #parts: ReadsParts;
  #nextId: number;
  #waiting: Waiter[] = [];
  #question: Question | null = null;
  /** By the index that they wait for. */
  #applying: { readonly index: number; readonly readers: readonly Waiter[] }[] = [];
  #stopped = false;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
    this.#nextId = parts.firstId;
  }

  /** Resolves when a read that starts then sees every write acknowledged before this call. Rejects with 57P03. */
  linearizable(): Promise<void> {
    if (this.#stopped) return Promise.reject(stopping());
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#parts.clock.monotonicMs() + this.#parts.timeoutMs;
      this.#waiting.push({ deadlineMs, resolve, reject });
    });
  }

  /** Resolves when everything up to `index` is applied here. Rejects with 57P03. */
  after(index: number): Promise<void> {
    if (this.#stopped) return Promise.reject(stopping());
    if (index <= this.#parts.appliedIndex()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#parts.clock.monotonicMs() + this.#parts.timeoutMs;
      this.#applying.push({ index, readers: [{ deadlineMs, resolve, reject }] });
    });
  }

  /** Asks if somebody waits and no question is open. Called every turn. */
  flush(): void {
    if (this.#question !== null || this.#waiting.length === 0 || this.#stopped) return;
    const id = this.#nextId;
    this.#nextId += 1;
    const sentMs = this.#parts.clock.monotonicMs();
    this.#question = { id, sentMs, readers: this.#waiting };
    this.#waiting = [];
    this.#parts.ask(id);
  }

  answer(answer: ReadIndexAnswer): void {
    const question = this.#question;
    if (question === null || question.id !== answer.id) return;
    if (answer.index === null) {
      // No leader could say: the next tick asks again.
      this.#question = { ...question, sentMs: Number.NEGATIVE_INFINITY };
      return;
    }
    this.#question = null;
    this.#applying.push({ index: answer.index, readers: question.readers });
    this.applied();
  }

  /** The applied index has moved. */
  applied(): void {
    const appliedIndex = this.#parts.appliedIndex();
    const due = this.#applying.filter(({ index }) => index <= appliedIndex);
    if (due.length === 0) return;
    this.#applying = this.#applying.filter(({ index }) => index > appliedIndex);
    for (const { readers } of due) for (const reader of readers) reader.resolve();
  }

  /** Asks again what stayed unanswered and gives up what is past its deadline. Called every tick. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const question = this.#question;
    if (question !== null && nowMs - question.sentMs >= this.#parts.retryMs) {
      this.#question = null;
      this.#waiting = [...question.readers, ...this.#waiting];
    }
    const missing = () => neverProposed(this.#parts.whatIsMissing());
    this.#waiting = this.#waiting.filter((waiter) => !expired(waiter, nowMs, missing));
    this.#applying = this.#applying.map(({ index, readers }) => ({
      index,
      readers: readers.filter((waiter) => !expired(waiter, nowMs, missing)),
    }));
  }

  stop(): void {
    this.#stopped = true;
    const all = [
      this.#question?.readers ?? [],
      this.#waiting,
      ...this.#applying.map((a) => a.readers),
    ];
    for (const reader of all.flat()) reader.reject(stopping());
    this.#question = null;
    this.#waiting = [];
    this.#applying = [];
  }
}

function expired(waiter: Waiter, nowMs: number, error: () => Error): boolean {
  if (nowMs < waiter.deadlineMs) return false;
  waiter.reject(error());
  return true;
}
