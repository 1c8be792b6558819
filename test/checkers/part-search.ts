/** The search for one order of the operations of one part; see linearizability.ts. */
import type { Operation } from "./history.ts";
import type { SequentialModel } from "./sequential-model.ts";

export interface SearchBudget {
  /** By performance.now(). */
  readonly deadline: number;
  readonly visitedMax: number;
}

export type SearchResult = "linearizable" | "impossible" | "time ran out" | "memory ran out";

export interface Furthest<State, Input, Output> {
  readonly placed: readonly Operation<Input, Output>[];
  readonly state: State;
  readonly candidates: readonly Operation<Input, Output>[];
  readonly unused: readonly Operation<Input, Output>[];
}

/** One place of an order, and through it all those before. */
interface Place<State> {
  readonly index: number;
  readonly stateBefore: State;
  /**
   * It changes no state at all. Then nothing is gained by putting it later, as any order that does so is
   * as good with it here: if this leads nowhere, neither do its alternatives.
   */
  readonly onlyReads: boolean;
  readonly before: Place<State> | null;
}

const STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 1024;

export class PartSearch<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #budget: SearchBudget;
  /** Those that are ok first, then those of unknown outcome; each group by invocation. */
  readonly #operations: readonly Operation<Input, Output>[];
  /** How many of them are ok. Also the sentinel of every list below. */
  readonly #okCount: number;
  readonly #byInvocation: LinkedList;
  readonly #byCompletion: LinkedList;
  readonly #unknown: LinkedList;
  /** The unknown operation with the same input that was invoked before this one, or -1. */
  readonly #sameBefore: Int32Array;
  /** 1 for those that are ok and change no state. */
  readonly #onlyReads: Uint8Array;
  readonly #visited = new Map<string, (readonly number[])[]>();
  /** The unknown operations that have a place, in the order in which they got it. */
  readonly #used: number[] = [];
  #visitedCount = 0;
  #state: State;
  #last: Place<State> | null = null;
  #okPlaced = 0;
  /** The end of the longest order, and how many that are ok are in it. */
  #furthest: Place<State> | null = null;
  #furthestOk = 0;

  constructor(
    operations: readonly Operation<Input, Output>[],
    model: SequentialModel<State, Input, Output>,
    budget: SearchBudget,
  ) {
    this.#model = model;
    this.#budget = budget;
    this.#state = model.initial;
    const byInvocation = operations.toSorted((a, b) => a.invokedAt - b.invokedAt);
    const ok = byInvocation.filter((operation) => operation.outcome === "ok");
    this.#operations = [...ok, ...byInvocation.filter(({ outcome }) => outcome === "unknown")];
    this.#okCount = ok.length;
    const size = this.#operations.length;
    this.#byInvocation = new LinkedList(size, [...ok.keys()]);
    const completedAt = ok.map((operation) => operation.completedAt);
    this.#byCompletion = new LinkedList(
      size,
      [...ok.keys()].toSorted((a, b) => (completedAt[a] ?? 0) - (completedAt[b] ?? 0)),
    );
    const unknown = Array.from({ length: size - ok.length }, (_, at) => ok.length + at);
    this.#unknown = new LinkedList(size, unknown);
    this.#onlyReads = Uint8Array.from(this.#operations, ({ input, output }) =>
      output !== null && model.onlyReads(input, output) ? 1 : 0,
    );
    this.#sameBefore = sameInputBefore(this.#operations, ok.length);
  }

  run(): SearchResult {
    let candidate = this.#first();
    for (let steps = 1; this.#okPlaced < this.#okCount; steps += 1) {
      if (steps % STEPS_BETWEEN_LOOKS_AT_THE_CLOCK === 0) {
        if (performance.now() > this.#budget.deadline) return "time ran out";
      }
      if (this.#visitedCount > this.#budget.visitedMax) return "memory ran out";
      if (candidate !== -1) {
        candidate = this.#place(candidate);
        continue;
      }
      const last = this.#last;
      if (last === null) return "impossible";
      this.#takeBack(last);
      candidate = last.onlyReads ? -1 : this.#next(last.index);
    }
    return "linearizable";
  }

  /** After a search that found nothing: the longest order and what could not continue it. */
  furthest(): Furthest<State, Input, Output> {
    const indexes: number[] = [];
    for (let place = this.#furthest; place !== null; place = place.before)
      indexes.push(place.index);
    const placed = indexes.toReversed().map((index) => this.#operation(index));
    let state = this.#model.initial;
    for (const { input, output } of placed) {
      state = this.#model.step(state, input, output) ?? state;
    }
    const gone = new Set(indexes);
    const left = this.#operations.filter((_, index) => !gone.has(index));
    const ok = left.filter(({ outcome }) => outcome === "ok");
    const bound = ok.reduce((least, { completedAt }) => Math.min(least, completedAt), Infinity);
    const candidates = ok.filter(({ invokedAt }) => invokedAt <= bound);
    const unused = left.filter(
      ({ outcome, invokedAt, input }) =>
        outcome === "unknown" &&
        invokedAt <= bound &&
        this.#changes(state, this.#model.step(state, input, null) ?? state),
    );
    return { placed, state, candidates, unused };
  }

  #operation(index: number): Operation<Input, Output> {
    const operation = this.#operations[index];
    if (operation === undefined) throw new Error(`there is no operation ${index}`);
    return operation;
  }

  /** The first completion among the remaining: whoever was invoked later cannot come before it. */
  #bound(): number {
    const first = this.#byCompletion.first();
    return first === -1 ? Infinity : this.#operation(first).completedAt;
  }

  #inTime(index: number): boolean {
    return index !== -1 && this.#operation(index).invokedAt <= this.#bound();
  }

  /** One that only reads what is there, if there is one. */
  #first(): number {
    const first = this.#byInvocation.first();
    for (let at = first; this.#inTime(at); at = this.#byInvocation.after(at)) {
      if (this.#onlyReads[at] === 0) continue;
      const { input, output } = this.#operation(at);
      if (this.#model.step(this.#state, input, output) !== undefined) return at;
    }
    return this.#inTime(first) ? first : this.#firstUnknown();
  }

  #firstUnknown(): number {
    const first = this.#unknown.first();
    return this.#inTime(first) ? first : -1;
  }

  #next(index: number): number {
    if (index >= this.#okCount) {
      const next = this.#unknown.after(index);
      return this.#inTime(next) ? next : -1;
    }
    const next = this.#byInvocation.after(index);
    return this.#inTime(next) ? next : this.#firstUnknown();
  }

  #changes(before: State, after: State): boolean {
    return before !== after && this.#model.stateKey(after) !== this.#model.stateKey(before);
  }

  /**
   * Puts the operation next, unless it cannot be there or this was tried. Answers the next candidate: for
   * the place after it, or for its own.
   */
  #place(index: number): number {
    const { input, output } = this.#operation(index);
    const unknown = index >= this.#okCount;
    const after = this.#model.step(this.#state, input, unknown ? null : output);
    if (after === undefined) return this.#next(index);
    const isUseless = unknown && !this.#changes(this.#state, after);
    if (isUseless || this.#hasUnusedTwin(index) || this.#hidesUnknown(index, after)) {
      return this.#next(index);
    }
    const onlyReads = this.#onlyReads[index] === 1;
    const place = { index, stateBefore: this.#state, onlyReads, before: this.#last };
    this.#remove(index);
    this.#last = place;
    this.#state = after;
    if (!this.#isNew()) {
      this.#takeBack(place);
      return onlyReads ? -1 : this.#next(index);
    }
    if (this.#okPlaced > this.#furthestOk) {
      this.#furthestOk = this.#okPlaced;
      this.#furthest = place;
    }
    return this.#first();
  }

  /** The one of unknown outcome right before makes no difference to this one, nor to what comes after. */
  #hidesUnknown(index: number, after: State): boolean {
    const last = this.#last;
    if (last === null || last.index < this.#okCount) return false;
    const { input, output } = this.#operation(index);
    const without = this.#model.step(last.stateBefore, input, output);
    return without !== undefined && !this.#changes(without, after);
  }

  /** Of two equal ones the first may stand for the second, as it may be placed whenever that may. */
  #hasUnusedTwin(index: number): boolean {
    const same = this.#sameBefore[index] ?? -1;
    return same !== -1 && !this.#unknown.isRemoved(same);
  }

  #remove(index: number): void {
    if (index >= this.#okCount) {
      this.#unknown.remove(index);
      this.#used.push(index);
      return;
    }
    this.#byInvocation.remove(index);
    this.#byCompletion.remove(index);
    this.#okPlaced += 1;
  }

  #takeBack({ index, stateBefore, before }: Place<State>): void {
    this.#last = before;
    this.#state = stateBefore;
    if (index >= this.#okCount) {
      this.#unknown.restore(index);
      this.#used.pop();
      return;
    }
    this.#byCompletion.restore(index);
    this.#byInvocation.restore(index);
    this.#okPlaced -= 1;
  }

  #isNew(): boolean {
    let key = `${this.#model.stateKey(this.#state)}`;
    for (let at = this.#byInvocation.first(); this.#inTime(at); at = this.#byInvocation.after(at)) {
      key += `|${at}`;
    }
    const used = this.#used.length === 0 ? NONE : this.#used.toSorted((a, b) => a - b);
    const visited = this.#visited.get(key);
    if (visited === undefined) {
      this.#visited.set(key, used === NONE ? ONLY_NONE : [used]);
    } else {
      // Nothing is ever added to ONLY_NONE: the empty set is a subset of all.
      if (visited.some((subset) => isSubset(subset, used))) return false;
      visited.push(used);
    }
    this.#visitedCount += 1;
    return true;
  }
}

const NONE: readonly number[] = [];
const ONLY_NONE: (readonly number[])[] = [NONE];

/** Both ascending. */
function isSubset(small: readonly number[], large: readonly number[]): boolean {
  if (small.length > large.length) return false;
  let at = 0;
  for (const element of small) {
    while (at < large.length && (large[at] ?? 0) < element) at += 1;
    if (large[at] !== element) return false;
    at += 1;
  }
  return true;
}

function sameInputBefore<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  from: number,
): Int32Array {
  const before = new Int32Array(operations.length).fill(-1);
  const last = new Map<string, number>();
  for (let index = from; index < operations.length; index += 1) {
    const text = JSON.stringify(operations[index]?.input);
    before[index] = last.get(text) ?? -1;
    last.set(text, index);
  }
  return before;
}

/** Numbers in a fixed order, to be taken out and put back in the reverse order ("dancing links"). */
class LinkedList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #removed: Uint8Array;
  readonly #sentinel: number;

  constructor(size: number, order: readonly number[]) {
    this.#sentinel = size;
    this.#next = new Int32Array(size + 1);
    this.#previous = new Int32Array(size + 1);
    this.#removed = new Uint8Array(size + 1);
    let last = size;
    for (const index of order) {
      this.#next[last] = index;
      this.#previous[index] = last;
      last = index;
    }
    this.#next[last] = size;
    this.#previous[size] = last;
  }

  first(): number {
    return this.after(this.#sentinel);
  }

  /** -1 after the last. */
  after(index: number): number {
    const next = this.#next[index] ?? this.#sentinel;
    return next === this.#sentinel ? -1 : next;
  }

  isRemoved(index: number): boolean {
    return this.#removed[index] === 1;
  }

  remove(index: number): void {
    const next = this.#next[index] ?? 0;
    const previous = this.#previous[index] ?? 0;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#removed[index] = 1;
  }

  restore(index: number): void {
    const next = this.#next[index] ?? 0;
    const previous = this.#previous[index] ?? 0;
    this.#next[previous] = index;
    this.#previous[next] = index;
    this.#removed[index] = 0;
  }
}
