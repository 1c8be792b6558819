/**
 * What every file of the machine has, the system file and the databases alike: one transaction at a
 * time, the position up to which the log is applied, the running digest, and the dedup tables. All
 * of it commits together with the rows (faults rule 21).
 *
 * A position is a command's place in the log: slot * 1024 + place in the batch. The file's position
 * is that of the last command that is part of its state; at the end of a slot it is that of the last
 * place there can be, and the slot is applied. Positions of files that nothing touches are moved
 * only in memory and written at checkpoints: replay passes over what does not concern them.
 */
import { assert } from "../base/assert.ts";
import { BATCH_COMMANDS_MAX } from "../base/limits.ts";
import type { SessionCommand } from "./command.ts";
import type { Connection, Durability, Statement } from "./connection.ts";
import { Dedupe, keptForm } from "./dedupe.ts";
import { addCommand, type DigestState, digestText, EMPTY_DIGEST, parseDigest } from "./digest.ts";
import { MachineError } from "./machine-error.ts";
import type { Outcome } from "./state-machine.ts";

const STATE_TABLE = "CREATE TABLE _synod_state (key TEXT PRIMARY KEY, value) WITHOUT ROWID;";

/** The position of the last place in a slot: everything up to and including the slot is applied. */
export function endOfSlot(slot: number): number {
  return slot * BATCH_COMMANDS_MAX + BATCH_COMMANDS_MAX - 1;
}

/** The last slot that is applied as a whole at a position. */
export function slotAppliedAt(position: number): number {
  return Math.floor((position + 1) / BATCH_COMMANDS_MAX) - 1;
}

/** One command at its place in the log. */
export interface PlacedCommand {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** What a transaction may have to go back to. */
export interface Progress {
  readonly position: number;
  readonly digest: DigestState;
  /** The latest time that a command of this file ran at, microseconds since 1970. */
  readonly clockMicros: number;
}

export class StateFile {
  readonly connection: Connection;
  readonly #durability: Durability;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #setState: Statement;
  readonly #beforeUse: () => void;
  #dedupe: Dedupe;
  #progress: Progress;
  #writes = false;

  /** `beforeUse` frees the connection from what somebody else has open on it. */
  constructor(connection: Connection, durability: Durability, beforeUse = (): void => undefined) {
    this.connection = connection;
    this.#beforeUse = beforeUse;
    this.#durability = durability;
    this.#begin = connection.prepare<unknown[]>("BEGIN IMMEDIATE");
    this.#commit = connection.prepare<unknown[]>("COMMIT");
    this.#setState = connection.prepare<unknown[]>(
      "UPDATE _synod_state SET value = ? WHERE key = ?",
    );
    this.#dedupe = new Dedupe(connection);
    this.#progress = this.#readProgress();
  }

  get dedupe(): Dedupe {
    return this.#dedupe;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Whether a transaction is open. */
  get isWriting(): boolean {
    return this.#writes;
  }

  /** Another connection may have changed the file since this one looked at it last. */
  refresh(): void {
    assert(!this.#writes, "a transaction is open");
    this.#dedupe = new Dedupe(this.connection);
    this.#progress = this.#readProgress();
  }

  /** Begins the file's transaction unless one is open. */
  begin(): void {
    this.#beforeUse();
    if (this.#writes) return this.#mustBeOpen();
    this.#begin.run();
    this.#writes = true;
  }

  /** Opens a session, or closes some, in this file. */
  changeSessions(placed: PlacedCommand, command: SessionCommand): Outcome {
    this.begin();
    const outcome = this.#changeSessions(placed.position, command);
    this.settle(placed, outcome, keptForm(outcome));
    return outcome;
  }

  /** The command at `position` is part of the transaction now. */
  settle({ position, bytes }: PlacedCommand, outcome: Outcome, remembered: string): void {
    const digest = addCommand(this.#progress.digest, position, bytes, { outcome, remembered });
    this.#progress = { position, digest, clockMicros: this.#progress.clockMicros };
  }

  /**
   * The time at which a command stamped `timestampMicros` runs: never before an earlier command,
   * though a value that a new leader repaired may carry an older stamp (faults rule 17).
   */
  clockAt(timestampMicros: number): number {
    const clockMicros = Math.max(this.#progress.clockMicros, timestampMicros);
    this.#progress = {
      position: this.#progress.position,
      digest: this.#progress.digest,
      clockMicros,
    };
    return clockMicros;
  }

  /** Everything up to `position` is applied: what lies between does not concern this file. */
  advance(position: number): void {
    if (position > this.#progress.position) this.#progress = { ...this.#progress, position };
  }

  /** Commits the open transaction, if any. */
  commit(): void {
    if (!this.#writes) return;
    this.#beforeUse();
    this.#mustBeOpen();
    this.#dedupe.write();
    this.#setState.run(BigInt(this.#progress.position), "position");
    this.#setState.run(digestText(this.#progress.digest), "digest");
    this.#setState.run(BigInt(this.#progress.clockMicros), "clock");
    this.#commit.run();
    this.#writes = false;
  }

  /** Undoes the open transaction; `before` is the progress when it began. */
  rollback(before: Progress): void {
    if (this.connection.inTransaction) this.connection.exec("ROLLBACK");
    this.#writes = false;
    this.#progress = before;
    this.#dedupe = new Dedupe(this.connection);
  }

  /** What was applied and reported must be in it still. */
  #mustBeOpen(): void {
    if (this.connection.inTransaction) return;
    throw new MachineError("SQLite has rolled back what was applied", { cause: null });
  }

  #readProgress(): Progress {
    const { connection } = this;
    return {
      position: readStateNumber(connection, "position", 0),
      digest: parseDigest(readStateText(connection, "digest")),
      clockMicros: readStateNumber(connection, "clock", 0),
    };
  }

  #changeSessions(position: number, command: SessionCommand): Outcome {
    if (command.kind === "openSession") {
      const session = this.#dedupe.open(position, command.node, command.nonce);
      return { kind: "sessionOpened", session };
    }
    const { node, upTo } = command;
    this.#dedupe.close(node, upTo);
    return { kind: "sessionClosed", node, upTo };
  }

  setState(key: string, value: number): void {
    this.#setState.run(BigInt(value), key);
  }

  /**
   * Makes the file durable: a commit under FULL syncs the whole -wal with all commits before it. The
   * readers that look at an older state are not waited for.
   */
  makeDurable(): void {
    this.#beforeUse();
    this.commit();
    this.connection.pragma(`synchronous = ${this.#durability === "lazy" ? "FULL" : "OFF"}`);
    this.begin();
    this.commit();
    this.connection.pragma(`synchronous = ${this.#durability === "lazy" ? "NORMAL" : "OFF"}`);
  }

  /**
   * Moves what the -wal holds into the file, as far as no reader still needs it there; answers how many
   * pages the -wal has.
   */
  tidy(): number {
    this.#beforeUse();
    const [moved] = this.connection.pragma("wal_checkpoint(PASSIVE)") as { log: bigint }[];
    return Number(moved?.log ?? 0n);
  }

  /** From now on commits do not move pages into the file by themselves. */
  leaveCheckpoints(): void {
    this.connection.pragma("wal_autocheckpoint = 0");
  }

  close(): void {
    this.#beforeUse();
    this.connection.close();
  }
}

/** Creates the state rows of a new file, inside the caller's transaction. */
export function createState(connection: Connection, position: number): void {
  connection.exec(STATE_TABLE);
  const insert = connection.prepare<unknown[]>("INSERT INTO _synod_state VALUES (?, ?)");
  insert.run("format", BigInt(FORMAT_VERSION));
  insert.run("position", BigInt(position));
  insert.run("digest", digestText(EMPTY_DIGEST));
  insert.run("clock", 0n);
}

/** The version of the tables in a file. */
export const FORMAT_VERSION = 1;

/** A counter out of `_synod_state`. */
export function readStateNumber(connection: Connection, key: string, missing: number): number {
  const value = readState(connection, key);
  return value === null ? missing : Number(value);
}

function readStateText(connection: Connection, key: string): string {
  const value = readState(connection, key);
  return typeof value === "string" ? value : digestText(EMPTY_DIGEST);
}

function readState(connection: Connection, key: string): unknown {
  const select = connection.prepare<[string]>("SELECT value FROM _synod_state WHERE key = ?");
  return select.pluck(true).get(key) ?? null;
}
