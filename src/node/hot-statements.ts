/**
 * Where transactions of one gateway stand in line, so that they do not fail one another over and over.
 *
 * Without locks, of many clients that read one row and then change it only the first to commit gets
 * through; the others have worked for nothing, and the more there are the less gets done. So a
 * statement over which a transaction failed is hot for a while: transactions that come to it do so one
 * after the other, each from then until its end. It is a queue and no lock: nothing is right because
 * of it, and nobody waits longer for a holder than HOLD_MS_MAX, whatever that one does.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { CommandStatement } from "../machine/command.ts";
import type { Stop } from "../machine/stop.ts";

/** A statement without a conflict for this long is no longer hot. */
const HOT_MS = 2_000;
/** A holder that thinks, or is slow, lets the next one go after this. */
const HOLD_MS_MAX = 200;

/** Hot statements beyond this many are forgotten, those that were in conflict longest ago first. */
const LINES_MAX = 1_000;

/** Whoever holds a place: one transaction. */
type Owner = object;

interface Waiting {
  readonly owner: Owner;
  readonly go: () => void;
}

interface Line {
  /** See textOf. */
  readonly text: string;
  hotUntilMs: number;
  holder: Owner | null;
  timer: Timer | null;
  readonly waiting: Waiting[];
}

export class HotStatements {
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();
  /** Texts of all that has a line, and perhaps more: what has another text has none, whatever its values. */
  readonly #texts = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A transaction failed because this statement has another result by now. */
  conflicted(statement: CommandStatement): void {
    const key = keyOf(statement);
    const line = this.#lines.get(key) ?? newLine(textOf(statement));
    line.hotUntilMs = this.#clock.monotonicMs() + HOT_MS;
    this.#texts.add(line.text);
    this.#lines.delete(key);
    this.#lines.set(key, line);
    if (this.#lines.size > LINES_MAX) this.#forgetCold();
  }

  /**
   * Null: it is this transaction's turn to run the statement, as nearly always; else resolves when it is, or
   * when `stop` is asked for, with its place in the line given up.
   */
  enter(statement: CommandStatement, owner: Owner, stop: Stop): Promise<void> | null {
    if (!this.#texts.has(textOf(statement))) return null;
    const key = keyOf(statement);
    const line = this.#lines.get(key);
    if (line === undefined || line.holder === owner) return null;
    if (line.holder === null) {
      if (line.hotUntilMs >= this.#clock.monotonicMs()) this.#hold(line, owner);
      else this.#forget(key, line);
      return null;
    }
    return this.#wait(line, owner, stop);
  }

  /** The transaction has ended, also while it waited: the next ones go on. */
  leave(owner: Owner): void {
    for (const line of this.#lines.values()) {
      for (const waiting of line.waiting.filter((each) => each.owner === owner)) {
        remove(line, waiting);
        waiting.go();
      }
      if (line.holder === owner) this.#next(line);
    }
  }

  #wait(line: Line, owner: Owner, stop: Stop): Promise<void> {
    return new Promise<void>((resolve) => {
      const waiting = {
        owner,
        go: () => {
          stop.ignore(giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        remove(line, waiting);
        resolve();
      };
      stop.listen(giveUp);
      line.waiting.push(waiting);
    });
  }

  #forgetCold(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, line] of this.#lines) {
      if (line.holder === null && (line.hotUntilMs < nowMs || this.#lines.size > LINES_MAX)) {
        this.#forget(key, line);
      }
    }
  }

  #forget(key: string, { text }: Line): void {
    this.#lines.delete(key);
    for (const line of this.#lines.values()) if (line.text === text) return;
    this.#texts.delete(text);
  }

  #hold(line: Line, owner: Owner): void {
    line.holder = owner;
    line.timer = this.#clock.after(HOLD_MS_MAX, () => this.#next(line));
  }

  #next(line: Line): void {
    line.timer?.cancel();
    line.timer = null;
    line.holder = null;
    const next = line.waiting.shift();
    if (next === undefined) return;
    this.#hold(line, next.owner);
    next.go();
  }
}

function remove({ waiting }: Line, each: Waiting): void {
  const at = waiting.indexOf(each);
  if (at !== -1) waiting.splice(at, 1);
}

function newLine(text: string): Line {
  return { text, hotUntilMs: 0, holder: null, timer: null, waiting: [] };
}

/** What is compared first: a part of `keyOf` that is there already. */
function textOf({ steps }: CommandStatement): string {
  return steps[0]?.sql ?? "";
}

function keyOf({ steps }: CommandStatement): string {
  return steps.map(({ sql, parameters }) => [sql, ...parameters].join("\0")).join("\0\0");
}
