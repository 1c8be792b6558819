/**
 * Who sent what before: a command that was decided twice runs once (faults rules 18, 19). One table
 * a file, in memory and in `_synod_sessions` and `_synod_outcomes`, part of the replicated state.
 *
 * Invariants:
 * 1. A node has at most one session.
 * 2. A session's floor never falls. Each outcome is kept with the floor at its time, and the newest
 *    floor belongs to a sequence not below it, so the largest kept one is the floor.
 * 3. Everything below the floor is answered with "unknown"; at the end of a transaction nothing
 *    below it is kept.
 */
import { OUTCOMES_PER_SESSION_MAX } from "../base/limits.ts";
import type { CommandIdentity } from "./command.ts";
import type { Connection, Statement } from "./connection.ts";
import type { Outcome, StatementOutcome } from "./state-machine.ts";

interface Session {
  readonly node: number;
  readonly nonce: string;
  floor: number;
  /** Kept forms by sequence. */
  readonly outcomes: Map<number, string>;
}

/** An open session as a new file gets it. */
export type SessionRow = readonly [session: number, node: number, nonce: string];

export const SESSION_TABLES = `
  CREATE TABLE _synod_sessions (
    session INTEGER PRIMARY KEY, node INTEGER NOT NULL, nonce TEXT NOT NULL
  );
  CREATE TABLE _synod_outcomes (
    session INTEGER NOT NULL, sequence INTEGER NOT NULL, floor INTEGER NOT NULL,
    outcome TEXT NOT NULL, PRIMARY KEY (session, sequence)
  ) WITHOUT ROWID;`;

const UNKNOWN: Outcome = { kind: "unknown" };

export class Dedupe {
  readonly #sessions = new Map<number, Session>();
  readonly #insertSession: Statement;
  readonly #deleteSession: Statement;
  readonly #deleteOutcomes: Statement;
  readonly #insertOutcome: Statement;
  readonly #trimOutcomes: Statement;
  /** Outcomes and floors that the tables do not have yet. */
  #unwritten: { session: number; sequence: number; floor: number }[] = [];
  readonly #unwrittenFloors = new Set<number>();

  constructor(connection: Connection) {
    const prepare = (sql: string): Statement => connection.prepare<unknown[]>(sql);
    this.#insertSession = prepare("INSERT INTO _synod_sessions VALUES (?, ?, ?)");
    this.#deleteSession = prepare("DELETE FROM _synod_sessions WHERE session = ?");
    this.#deleteOutcomes = prepare("DELETE FROM _synod_outcomes WHERE session = ?");
    this.#insertOutcome = prepare("INSERT INTO _synod_outcomes VALUES (?, ?, ?, ?)");
    this.#trimOutcomes = prepare("DELETE FROM _synod_outcomes WHERE session = ? AND sequence < ?");
    this.#load(connection);
  }

  /** The node whose gateway has this session, or null if the session is closed. */
  nodeOf(session: number): number | null {
    return this.#sessions.get(session)?.node ?? null;
  }

  /** Every open session. */
  *rows(): IterableIterator<SessionRow> {
    for (const [session, { node, nonce }] of this.#sessions) yield [session, node, nonce];
  }

  /**
   * Opens a session for a node's gateway and closes the node's others; the same gateway process
   * (nonce) asking again gets the session that it has. Must run inside the file's transaction.
   */
  open(session: number, node: number, nonce: string): number {
    for (const [older, { node: owner, nonce: ownerNonce }] of this.#sessions) {
      if (owner !== node) continue;
      if (ownerNonce === nonce) return older;
      this.#close(older);
    }
    this.#insertSession.run(session, node, nonce);
    this.#sessions.set(session, { node, nonce, floor: 0, outcomes: new Map() });
    return session;
  }

  /** Closes the sessions of a node up to this one: their commands never run again. Inside the file's transaction. */
  close(node: number, upTo: number): void {
    for (const [session, { node: owner }] of this.#sessions) {
      if (owner === node && session <= upTo) this.#close(session);
    }
  }

  /** Null: never seen, to be run now and recorded. Else what is to be answered instead. */
  earlier({ session, sequence, settledBelow }: CommandIdentity): Outcome | null {
    const known = this.#sessions.get(session);
    if (known === undefined || sequence < known.floor || sequence < settledBelow) return UNKNOWN;
    const kept = known.outcomes.get(sequence);
    return kept === undefined ? null : recall(kept);
  }

  /** Remembers the outcome of a command that `earlier` did not know, in its kept form. */
  record({ session, sequence, settledBelow }: CommandIdentity, kept: string): void {
    const known = this.#sessions.get(session);
    if (known === undefined) return;
    known.outcomes.set(sequence, kept);
    const floor = Math.max(known.floor, settledBelow, sequence - OUTCOMES_PER_SESSION_MAX + 1);
    this.#unwritten.push({ session, sequence, floor });
    if (floor === known.floor) return;
    known.floor = floor;
    this.#unwrittenFloors.add(session);
  }

  /** Writes what changed; must run inside the file's transaction, before it commits. */
  write(): void {
    for (const session of this.#unwrittenFloors) this.#trim(session);
    for (const { session, sequence, floor } of this.#unwritten) {
      const kept = this.#sessions.get(session)?.outcomes.get(sequence);
      if (kept !== undefined) this.#insertOutcome.run(session, sequence, floor, kept);
    }
    this.#unwritten = [];
    this.#unwrittenFloors.clear();
  }

  /** Outcomes below the floor are never asked for again: dropped once a transaction, not a command. */
  #trim(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    for (const sequence of session.outcomes.keys()) {
      if (sequence < session.floor) session.outcomes.delete(sequence);
    }
    this.#trimOutcomes.run(id, session.floor);
  }

  #close(session: number): void {
    this.#sessions.delete(session);
    this.#deleteSession.run(session);
    this.#deleteOutcomes.run(session);
  }

  #load(connection: Connection): void {
    const sessions = connection.prepare("SELECT session, node, nonce FROM _synod_sessions");
    for (const row of sessions.raw(true).all() as [bigint, bigint, string][]) {
      const [session, node, nonce] = row;
      const opened = { node: Number(node), nonce, floor: 0, outcomes: new Map<number, string>() };
      this.#sessions.set(Number(session), opened);
    }
    const outcomes = connection.prepare(
      "SELECT session, sequence, floor, outcome FROM _synod_outcomes",
    );
    for (const row of outcomes.raw(true).all() as [bigint, bigint, bigint, string][]) {
      const [session, sequence, floor, kept] = row;
      const known = this.#sessions.get(Number(session));
      if (known === undefined) continue;
      known.floor = Math.max(known.floor, Number(floor));
      known.outcomes.set(Number(sequence), kept);
    }
  }
}

/**
 * The form in which an outcome is kept, JSON: the counts as an array, an error as an object, the
 * number of a statement that met a conflict, a stale schema as a string. Rows are not kept.
 */
export function keptForm(outcome: Outcome): string {
  switch (outcome.kind) {
    case "done": {
      const [only] = outcome.results;
      if (outcome.results.length === 1 && only !== undefined) return `[${only.count}]`;
      return JSON.stringify(outcome.results.map(({ count }) => count));
    }
    case "failed": {
      const { statement, sqlState, message, fields } = outcome;
      return JSON.stringify({ statement, sqlState, message, fields });
    }
    case "conflict":
      return JSON.stringify(outcome.statement);
    case "staleSchema":
    case "unknown":
      return JSON.stringify(outcome.kind);
    case "sessionOpened":
      return JSON.stringify(`session ${outcome.session}`);
    case "sessionClosed":
      return JSON.stringify(`closed ${outcome.node} ${outcome.upTo}`);
  }
}

/** The outcome that a kept form stands for, marked as coming from memory. */
function recall(kept: string): Outcome {
  const parsed: unknown = JSON.parse(kept);
  if (parsed === "staleSchema") return { kind: "staleSchema" };
  if (typeof parsed === "number") return { kind: "conflict", statement: parsed };
  if (Array.isArray(parsed)) {
    const results = (parsed as number[]).map(
      (count): StatementOutcome => ({ count, rows: null, fromMemory: true }),
    );
    return { kind: "done", results };
  }
  const failed = parsed as Omit<Extract<Outcome, { kind: "failed" }>, "kind">;
  return { kind: "failed", ...failed };
}
