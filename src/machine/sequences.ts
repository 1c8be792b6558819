/**
 * nextval and setval of replicated statements. The state is kept in memory and written to
 * `_synod_sequences` when the statement that moved it has run, in the same SQLite transaction.
 *
 * As in PostgreSQL, a command that fails keeps the values that it took: otherwise an INSERT whose
 * number is in use would meet the same number for ever. A failed change of the schema keeps none.
 */
import { SqlError } from "../sql/errors.ts";
import type { Connection, Statement } from "./connection.ts";
import type { SequenceAccess } from "./statement-context.ts";

interface SequenceState {
  readonly lastValue: bigint;
  readonly isCalled: boolean;
  readonly increment: bigint;
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly cycle: boolean;
}

/** `count` values from `first` on, `increment` apart. */
export interface ReservedValues {
  readonly first: bigint;
  readonly increment: bigint;
  readonly count: number;
}

export class Sequences implements SequenceAccess {
  /** Names that setval() has set; for the caller to empty. */
  readonly set = new Set<string>();
  readonly #select: Statement;
  readonly #update: Statement;
  readonly #states = new Map<string, SequenceState>();
  /** Whether `#states` holds every sequence: a function that runs inside a statement cannot query. */
  #loaded = false;
  /** Names whose state is not in the table yet. */
  readonly #unwritten = new Set<string>();
  /** Names whose state the running command changed: forgotten if it fails. */
  readonly #touched = new Set<string>();
  #moves = 0;

  constructor(connection: Connection) {
    this.#select = connection
      .prepare<unknown[]>(
        "SELECT name, last_value, is_called, increment, minimum, maximum, cycle FROM _synod_sequences",
      )
      .raw(true);
    this.#update = connection.prepare(
      "UPDATE _synod_sequences SET last_value = ?, is_called = ? WHERE name = ?",
    );
  }

  /** Grows with each value taken or set. */
  get moves(): number {
    return this.#moves;
  }

  /** Must be called before a statement runs: reads what it may ask for. */
  load(): void {
    if (this.#loaded) return;
    for (const row of this.#select.all() as [string, ...bigint[]][]) {
      const [name, lastValue = 0n, isCalled, increment = 1n, minimum = 0n, maximum = 0n, cycle] =
        row;
      const bounds = { increment, minimum, maximum, cycle: cycle === 1n };
      this.#states.set(name, { lastValue, isCalled: isCalled === 1n, ...bounds });
    }
    this.#loaded = true;
  }

  nextval(sequence: string): bigint {
    const state = this.#state(sequence);
    const value = state.isCalled ? after(sequence, state) : state.lastValue;
    this.#change(sequence, { ...state, lastValue: value, isCalled: true });
    return value;
  }

  setval(sequence: string, value: bigint, isCalled: boolean): bigint {
    const state = this.#state(sequence);
    if (value < state.minimum || value > state.maximum) {
      const bounds = `${state.minimum}..${state.maximum}`;
      throw new SqlError(
        "22003",
        `setval: value ${value} is out of bounds for sequence "${sequence}" (${bounds})`,
      );
    }
    this.#change(sequence, { ...state, lastValue: value, isCalled });
    this.set.add(sequence);
    return value;
  }

  /**
   * Takes up to `count` values for somebody else to hand out; fewer where the sequence ends or
   * starts over. Throws 2200H if there is none left.
   */
  reserve(sequence: string, count: number): ReservedValues {
    const { increment } = this.#state(sequence);
    const first = this.nextval(sequence);
    let taken = 1;
    for (; taken < count; taken += 1) {
      const state = this.#state(sequence);
      if (wouldLeave(state)) break;
      this.nextval(sequence);
    }
    return { first, increment, count: taken };
  }

  /** Writes what changed, so that SQL sees it from the next statement on. */
  write(): void {
    for (const name of this.#unwritten) {
      const state = this.#states.get(name);
      if (state !== undefined) this.#update.run(state.lastValue, state.isCalled ? 1n : 0n, name);
    }
    this.#unwritten.clear();
  }

  /** The command is part of the transaction. */
  keep(): void {
    this.#touched.clear();
  }

  /** The command failed; the table holds what was before it, and gets what was taken meanwhile. */
  keepTaken(): void {
    for (const name of this.#touched) this.#unwritten.add(name);
    this.write();
    this.#touched.clear();
  }

  /** The command is undone with all that it took; the table holds what was before it. */
  takeBack(): void {
    if (this.#touched.size > 0) this.reload();
    this.#touched.clear();
    this.#unwritten.clear();
  }

  /** A statement may have changed the table itself: everything is read anew. */
  reload(): void {
    this.#states.clear();
    this.#loaded = false;
  }

  #change(name: string, state: SequenceState): void {
    this.#moves += 1;
    this.#states.set(name, state);
    this.#unwritten.add(name);
    this.#touched.add(name);
  }

  #state(name: string): SequenceState {
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    throw new SqlError("42P01", `relation "${name}" does not exist`);
  }
}

/** Whether the next value is not simply one increment on: the sequence ends here, or starts over. */
function wouldLeave({ lastValue, increment, minimum, maximum }: SequenceState): boolean {
  const next = lastValue + increment;
  return next > maximum || next < minimum;
}

function after(sequence: string, state: SequenceState): bigint {
  const next = state.lastValue + state.increment;
  const rises = state.increment > 0n;
  if (rises ? next <= state.maximum : next >= state.minimum) return next;
  if (state.cycle) return rises ? state.minimum : state.maximum;
  const [bound, limit] = rises ? ["maximum", state.maximum] : ["minimum", state.minimum];
  throw new SqlError(
    "2200H",
    `nextval: reached ${bound} value of sequence "${sequence}" (${limit})`,
  );
}
