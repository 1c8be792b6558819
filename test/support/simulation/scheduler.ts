/**
 * Virtual time: actions run in the order of their due times, and of their scheduling where those
 * are equal. Knows nothing of what it runs.
 */
export class Scheduler {
  #now = 0;
  #count = 0;
  readonly #heap: Due[] = [];

  /** Units of virtual time since the start. */
  get now(): number {
    return this.#now;
  }

  /** Actions that wait. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Runs `action` after `delay` units, a whole number from 0. */
  after(delay: number, action: () => void): void {
    this.#count += 1;
    this.#push({ at: this.#now + delay, order: this.#count, action });
  }

  /** Runs the next action; false: there is none before `until`, where time now stands. */
  runNext(until: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#pop();
    this.#now = first.at;
    first.action();
    return true;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || before(above, due)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = smallerChild(heap, at);
      const below = heap[child];
      if (below === undefined || before(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

function before(left: Due, right: Due): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

function smallerChild(heap: readonly Due[], at: number): number {
  const left = heap[2 * at + 1];
  const right = heap[2 * at + 2];
  if (left === undefined || right === undefined) return 2 * at + 1;
  return before(left, right) ? 2 * at + 1 : 2 * at + 2;
}
