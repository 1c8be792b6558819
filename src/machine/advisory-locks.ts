/**
 * Advisory locks of one database, as part of the replicated state: who holds what is decided by the
 * log, so no two clients ever hold conflicting locks, through whichever nodes they come.
 *
 * A client that waits stands in a queue. Whoever comes later and would conflict with it stands
 * behind, so that those who share cannot keep one out who does not. Only a client that has the key
 * already passes the queue: those in it wait for that client anyway. A wait that would close a
 * circle is refused when it begins (40P01), the same on every node.
 *
 * Nothing of it is kept in memory but the grants of the entries that are being applied.
 */
import { ADVISORY_LOCKS_MAX } from "../base/limits.ts";
import { SqlError } from "../sql/errors.ts";
import type { AdvisoryLockCommand } from "./command.ts";
import type { Connection, Statement } from "./connection.ts";
import type { AdvisoryLock, AdvisoryLockScope } from "./lock-operation.ts";

export const ADVISORY_LOCK_TABLES = `
  CREATE TABLE IF NOT EXISTS _synod_advisory_locks (
    key INTEGER NOT NULL, parts INTEGER NOT NULL, session INTEGER NOT NULL,
    client INTEGER NOT NULL, shared INTEGER NOT NULL, scope TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (key, parts, session, client, shared, scope)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS _synod_advisory_waiters (
    place INTEGER PRIMARY KEY, key INTEGER NOT NULL, parts INTEGER NOT NULL,
    session INTEGER NOT NULL, client INTEGER NOT NULL, shared INTEGER NOT NULL,
    scope TEXT NOT NULL, UNIQUE (session, client)
  );`;

/** What a client is told, as the count of its command's result: it is kept where rows are not. */
export const LOCK_ANSWER = { no: 0, yes: 1, waits: 2 } as const;

/** A client that waited has its lock now. */
export interface LockGrant {
  readonly session: number;
  readonly client: number;
}

interface Client {
  readonly session: bigint;
  readonly client: bigint;
}

interface Key {
  readonly key: bigint;
  readonly parts: bigint;
}

interface Waiter extends Client, Key {
  readonly place: bigint;
  readonly shared: bigint;
  readonly scope: AdvisoryLockScope;
}

interface Held extends Client {
  readonly shared: bigint;
}

export class AdvisoryLocks {
  readonly #holders: Statement;
  readonly #take: Statement;
  readonly #held: Statement;
  readonly #lower: Statement;
  readonly #drop: Statement;
  readonly #keysOf: Statement;
  readonly #dropAll: Statement;
  readonly #queue: Statement;
  readonly #waiterOf: Statement;
  readonly #enqueue: Statement;
  readonly #leave: Statement;
  readonly #size: Statement;
  readonly #closed: Statement;
  #grants: LockGrant[] = [];

  constructor(connection: Connection) {
    const prepare = (sql: string): Statement => connection.prepare<unknown[]>(sql);
    const locks = "_synod_advisory_locks";
    const waiters = "_synod_advisory_waiters";
    const row = "key = ? AND parts = ? AND session = ? AND client = ? AND shared = ? AND scope = ?";
    this.#holders = prepare(
      `SELECT session, client, shared FROM ${locks} WHERE key = ? AND parts = ?`,
    );
    this.#take = prepare(
      `INSERT INTO ${locks} VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1`,
    );
    this.#held = prepare(`SELECT count FROM ${locks} WHERE ${row}`).pluck(true);
    this.#lower = prepare(`UPDATE ${locks} SET count = count - 1 WHERE ${row}`);
    this.#drop = prepare(`DELETE FROM ${locks} WHERE ${row}`);
    const ofClient = "session = ? AND client = ? AND scope IN (?, ?)";
    this.#keysOf = prepare(
      `SELECT DISTINCT key, parts FROM ${locks} WHERE ${ofClient} ORDER BY key, parts`,
    );
    this.#dropAll = prepare(`DELETE FROM ${locks} WHERE ${ofClient}`);
    this.#queue = prepare(`SELECT * FROM ${waiters} WHERE key = ? AND parts = ? ORDER BY place`);
    this.#waiterOf = prepare(`SELECT * FROM ${waiters} WHERE session = ? AND client = ?`);
    this.#enqueue = prepare(`INSERT INTO ${waiters} VALUES (?, ?, ?, ?, ?, ?, ?)`);
    this.#leave = prepare(`DELETE FROM ${waiters} WHERE place = ?`);
    this.#size = prepare(
      `SELECT (SELECT count(*) FROM ${locks}) + (SELECT count(*) FROM ${waiters})`,
    ).pluck(true);
    this.#closed = prepare(
      `SELECT session, client FROM ${locks} WHERE session NOT IN (SELECT session FROM _synod_sessions)
       UNION
       SELECT session, client FROM ${waiters} WHERE session NOT IN (SELECT session FROM _synod_sessions)
       ORDER BY session, client`,
    );
  }

  /**
   * Carries out a command, inside the file's transaction; `place` is its own in the log. Answers one
   * of LOCK_ANSWER. Throws SqlError 40P01 and 53200; then nothing has changed.
   */
  run({ identity, client, operation }: AdvisoryLockCommand, place: number): number {
    const who = { session: BigInt(identity.session), client: BigInt(client) };
    switch (operation.kind) {
      case "try":
      case "acquire":
        return this.#acquire({
          ...who,
          ...stored(operation.lock),
          place: operation.kind === "try" ? null : BigInt(place),
        });
      case "ask":
        return this.#waiting(who) === undefined ? LOCK_ANSWER.yes : LOCK_ANSWER.waits;
      case "giveUp":
        return this.#giveUp({ ...who, ...stored(operation.lock) });
      case "release":
        return this.#release({ ...who, ...stored(operation.lock) });
      case "releaseAll":
        this.#releaseAll(who, operation.scope);
        return LOCK_ANSWER.yes;
    }
  }

  /** Takes from clients whose gateway's session is closed what they have. Inside the file's transaction. */
  releaseClosed(): void {
    for (const client of this.#closed.all() as Client[]) this.#releaseAll(client, null);
  }

  /** Who was given what it waited for, since this was called last. */
  takeGrants(): readonly LockGrant[] {
    return this.#grants.splice(0);
  }

  #acquire(wanted: Omit<Waiter, "place"> & { readonly place: bigint | null }): number {
    const { place } = wanted;
    const ahead = this.#queueOf(wanted);
    if (this.#isFree(wanted, ahead)) {
      this.#checkRoom(wanted);
      this.#hold(wanted);
      return LOCK_ANSWER.yes;
    }
    if (place === null) return LOCK_ANSWER.no;
    this.#checkRoom(wanted);
    const waiter = { ...wanted, place };
    if (this.#closesCircle(waiter)) throw deadlock();
    const { key, parts, session, client, shared, scope } = waiter;
    this.#enqueue.run(place, key, parts, session, client, shared, scope);
    return LOCK_ANSWER.waits;
  }

  #giveUp(lock: Omit<Waiter, "place">): number {
    const waiter = this.#waiting(lock);
    if (waiter === undefined) return this.#release(lock);
    this.#leave.run(waiter.place);
    this.#serve(waiter);
    return LOCK_ANSWER.yes;
  }

  #release(lock: Omit<Waiter, "place">): number {
    const row = rowOf(lock);
    const count = this.#held.get(...row) as bigint | undefined;
    if (count === undefined) return LOCK_ANSWER.no;
    if (count > 1n) {
      this.#lower.run(...row);
    } else {
      this.#drop.run(...row);
      this.#serve(lock);
    }
    return LOCK_ANSWER.yes;
  }

  #releaseAll({ session, client }: Client, scope: AdvisoryLockScope | null): void {
    const scopes = [scope ?? "session", scope ?? "transaction"];
    const keys = this.#keysOf.all(session, client, ...scopes) as Key[];
    this.#dropAll.run(session, client, ...scopes);
    const waiter = scope === null ? this.#waiting({ session, client }) : undefined;
    if (waiter !== undefined) this.#leave.run(waiter.place);
    for (const key of waiter === undefined ? keys : [...keys, waiter]) this.#serve(key);
  }

  /** Gives the key to those who wait for it, in their order, as far as they can have it. */
  #serve(key: Key): void {
    const ahead: Waiter[] = [];
    for (const waiter of this.#queueOf(key)) {
      if (!this.#isFree(waiter, ahead)) {
        ahead.push(waiter);
        continue;
      }
      this.#leave.run(waiter.place);
      this.#hold(waiter);
      this.#grants.push({ session: Number(waiter.session), client: Number(waiter.client) });
    }
  }

  #isFree(wanted: Held & Key, ahead: readonly Held[]): boolean {
    return this.#blockers(wanted, ahead).length === 0;
  }

  /** Whom a client waits for: those who hold the key, and those who stand before it. */
  #blockers(wanted: Held & Key, ahead: readonly Held[]): readonly Client[] {
    const holders = this.#holders.all(wanted.key, wanted.parts) as Held[];
    const passes = holders.some((holder) => isSame(holder, wanted));
    return [...holders, ...(passes ? [] : ahead)].filter(
      (other) => !isSame(other, wanted) && (other.shared === 0n || wanted.shared === 0n),
    );
  }

  /** Whether somebody for whom the waiter would wait waits for it, over however many others. */
  #closesCircle(waiter: Waiter): boolean {
    const open: Waiter[] = [waiter];
    const seen = new Set<bigint>();
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { place } = next;
      const ahead = this.#queueOf(next).filter((other) => other.place < place);
      for (const blocker of this.#blockers(next, ahead)) {
        if (isSame(blocker, waiter)) return true;
        const waiting = this.#waiting(blocker);
        if (waiting === undefined || seen.has(waiting.place)) continue;
        seen.add(waiting.place);
        open.push(waiting);
      }
    }
    return false;
  }

  #checkRoom(lock: Omit<Waiter, "place">): void {
    if (this.#held.get(...rowOf(lock)) !== undefined) return;
    if ((this.#size.get() as bigint) < BigInt(ADVISORY_LOCKS_MAX)) return;
    throw new SqlError("53200", "out of shared memory", {
      detail: `A database has at most ${ADVISORY_LOCKS_MAX} advisory locks.`,
    });
  }

  #hold(lock: Omit<Waiter, "place">): void {
    this.#take.run(...rowOf(lock));
  }

  #queueOf({ key, parts }: Key): readonly Waiter[] {
    return this.#queue.all(key, parts) as Waiter[];
  }

  #waiting({ session, client }: Client): Waiter | undefined {
    return this.#waiterOf.get(session, client) as Waiter | undefined;
  }
}

function isSame(one: Client, other: Client): boolean {
  return one.session === other.session && one.client === other.client;
}

function rowOf({ key, parts, session, client, shared, scope }: Omit<Waiter, "place">) {
  return [key, parts, session, client, shared, scope] as const;
}

function stored({ key, parts, shared, scope }: AdvisoryLock) {
  return { key, parts: BigInt(parts), shared: shared ? 1n : 0n, scope };
}

function deadlock(): SqlError {
  return new SqlError("40P01", "deadlock detected", {
    detail: "The clients that hold the advisory lock wait for one that this client holds.",
  });
}
