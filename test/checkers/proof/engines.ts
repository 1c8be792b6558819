/**
 * Textbook engines over lists, each at a known level of isolation: what the checker must accept, and must
 * see fall short of the next level. A step answers "wait" if a lock is held by another transaction.
 *
 * | level                       | method                                                            |
 * | strong-serializable         | reads the state at its begin, validates all it touched at commit  |
 * | strong-session-serializable | the same, but who only reads may read any state that is no older  |
 * |                             | than what its session has seen                                    |
 * | serializable                | the same, however old the state                                   |
 * | strong-snapshot-isolation   | reads the state at its begin; the first to commit a key wins      |
 * | strong-read-committed       | reads the latest commits, locks what it writes                    |
 * | strong-read-uncommitted     | reads and writes in place, locks what it writes                   |
 * | none                        | reads and writes in place                                         |
 */
import type { Random } from "../../../src/base/random.ts";
import type { AnomalyName, Level } from "../list-append/levels.ts";

type Lists = ReadonlyMap<string, readonly number[]>;

export interface EngineTransaction {
  read(key: string): readonly number[];
  append(key: string, value: number): "done" | "wait";
  commit(): "committed" | "aborted";
  abort(): void;
}

export interface Engine {
  /** Whether a transaction only reads is known when it begins. */
  begin(session: number, readOnly: boolean): EngineTransaction;
}

export interface KnownEngine {
  readonly name: string;
  readonly create: (random: Random) => Engine;
  /** The strongest level that it keeps. */
  readonly keeps: Level | null;
  /** A level above, which it breaks sooner or later. */
  readonly breaks: Level | null;
  /** Anomalies that it shows sooner or later. */
  readonly shows: readonly AnomalyName[];
}

export const ENGINES: readonly KnownEngine[] = [
  {
    name: "optimistic validation (strict serializable)",
    create: () => new MultiVersion("validated", (latest) => latest),
    keeps: "strong-serializable",
    breaks: null,
    shows: [],
  },
  {
    name: "snapshots no older than the session (serializable)",
    create: (random) =>
      new MultiVersion("validated", (latest, seen) => latest - random.below(latest - seen + 1)),
    keeps: "strong-session-serializable",
    breaks: "strong-serializable",
    shows: ["G-single-realtime"],
  },
  {
    name: "snapshots of any age (stale reader)",
    create: (random) =>
      new MultiVersion("validated", (latest) => latest - random.below(latest + 1)),
    keeps: "serializable",
    breaks: "strong-session-serializable",
    shows: ["G-single-process", "G-single-realtime"],
  },
  {
    name: "first committer wins (snapshot isolation)",
    create: () => new MultiVersion("first committer wins", (latest) => latest),
    keeps: "strong-snapshot-isolation",
    breaks: "serializable",
    shows: ["G2-item"],
  },
  {
    name: "latest commits (read committed)",
    create: () => new InPlace("committed", "locks"),
    keeps: "strong-read-committed",
    breaks: "snapshot-isolation",
    shows: ["internal", "lost-update", "G-single", "G-nonadjacent", "G2-item"],
  },
  {
    name: "in place with locks (read uncommitted)",
    create: () => new InPlace("uncommitted", "locks"),
    keeps: "strong-read-uncommitted",
    breaks: "read-committed",
    shows: ["G1a", "G1b", "G1c"],
  },
  {
    name: "in place without locks (nothing)",
    create: () => new InPlace("uncommitted", "no locks"),
    keeps: null,
    breaks: "read-uncommitted",
    shows: ["G0", "dirty-update"],
  },
];

/** Every commit is a state of its own; transactions keep their writes to themselves until then. */
class MultiVersion implements Engine {
  readonly #states: Lists[] = [new Map()];
  readonly #seenBy = new Map<number, number>();
  readonly #rule: "validated" | "first committer wins";
  readonly #stateToRead: (latest: number, seen: number) => number;

  /** `stateToRead`: for who only reads, the number of the state, of those up to the latest. */
  constructor(
    rule: "validated" | "first committer wins",
    stateToRead: (latest: number, seen: number) => number,
  ) {
    this.#rule = rule;
    this.#stateToRead = stateToRead;
  }

  begin(session: number, readOnly: boolean): EngineTransaction {
    const latest = this.#states.length - 1;
    const seen = this.#seenBy.get(session) ?? 0;
    const validated = this.#rule === "validated";
    const at = readOnly && validated ? this.#stateToRead(latest, seen) : latest;
    return this.#transaction(session, at, (touched, written) =>
      validated && !readOnly ? touched : written,
    );
  }

  /** `watched`: of what was read and written, what must not have changed until the commit. */
  #transaction(
    session: number,
    at: number,
    watched: (touched: ReadonlySet<string>, written: ReadonlySet<string>) => ReadonlySet<string>,
  ): EngineTransaction {
    const state = this.#states[at] ?? new Map<string, readonly number[]>();
    const touched = new Set<string>();
    const own = new Map<string, readonly number[]>();
    const read = (key: string): readonly number[] => {
      touched.add(key);
      return own.get(key) ?? state.get(key) ?? [];
    };
    return {
      read,
      append: (key, value) => {
        own.set(key, [...read(key), value]);
        return "done";
      },
      commit: () => {
        const latest = this.#states.at(-1) ?? state;
        const written = new Set(own.keys());
        for (const key of watched(touched, written)) {
          if (latest.get(key) !== state.get(key)) return "aborted";
        }
        if (own.size > 0) this.#states.push(new Map([...latest, ...own]));
        const seen = own.size > 0 ? this.#states.length - 1 : at;
        this.#seenBy.set(session, Math.max(seen, this.#seenBy.get(session) ?? 0));
        return "committed";
      },
      abort: () => own.clear(),
    };
  }
}

interface Value {
  readonly value: number;
  readonly owner: object;
}

/** One state; values carry who appended them, so that they can be taken out again. */
class InPlace implements Engine {
  readonly #lists = new Map<string, Value[]>();
  readonly #lockedBy = new Map<string, object>();
  readonly #running = new Set<object>();
  readonly #sees: "committed" | "uncommitted";
  readonly #locks: "locks" | "no locks";

  constructor(sees: "committed" | "uncommitted", locks: "locks" | "no locks") {
    this.#sees = sees;
    this.#locks = locks;
  }

  begin(): EngineTransaction {
    const owner = {};
    this.#running.add(owner);
    return {
      read: (key) => this.#read(key, owner),
      append: (key, value) => this.#append(key, { value, owner }),
      commit: () => {
        this.#end(owner);
        return "committed";
      },
      abort: () => {
        for (const [key, list] of this.#lists) {
          this.#lists.set(
            key,
            list.filter((value) => value.owner !== owner),
          );
        }
        this.#end(owner);
      },
    };
  }

  #read(key: string, reader: object): readonly number[] {
    const list = this.#lists.get(key) ?? [];
    const isVisible = ({ owner }: Value): boolean =>
      this.#sees === "uncommitted" || owner === reader || !this.#running.has(owner);
    return list.filter(isVisible).map(({ value }) => value);
  }

  #append(key: string, value: Value): "done" | "wait" {
    const holder = this.#lockedBy.get(key);
    if (this.#locks === "locks") {
      if (holder !== undefined && holder !== value.owner) return "wait";
      this.#lockedBy.set(key, value.owner);
    }
    this.#lists.set(key, [...(this.#lists.get(key) ?? []), value]);
    return "done";
  }

  #end(owner: object): void {
    this.#running.delete(owner);
    for (const [key, holder] of this.#lockedBy) if (holder === owner) this.#lockedBy.delete(key);
  }
}
