/** Builds log entries for tests of the state machine. */
import {
  type CommandIdentity,
  type CommandStatement,
  encodeCommand,
  type StatementsCommand,
} from "../../src/machine/command.ts";
import type { AppliedEntry } from "../../src/machine/state-machine.ts";
import type { Relation } from "../../src/sql/catalog/catalog.ts";
import { encodeRelation } from "../../src/sql/catalog/stored.ts";
import type { SqliteValue } from "../../src/sql/values.ts";

export const NODE = 7;
/** 2026-01-02 03:04:05.678901 UTC. */
export const TIMESTAMP = 1_767_323_045_678_901;

/** The session that `opened()` in slot 1 gives. */
export const SESSION = 1024;

export function write(sql: string, ...parameters: SqliteValue[]): CommandStatement {
  return statement("write", sql, parameters);
}

/** A write whose last step returns rows. */
export function returning(sql: string, ...parameters: SqliteValue[]): CommandStatement {
  return { ...statement("write", sql, parameters), returnsRows: true };
}

export function schema(...steps: string[]): CommandStatement {
  return {
    kind: "schema",
    steps: steps.map((sql) => ({ sql, parameters: [] })),
    returnsRows: false,
    rebuildsTables: false,
  };
}

function statement(
  kind: CommandStatement["kind"],
  sql: string,
  parameters: SqliteValue[],
): CommandStatement {
  return { kind, steps: [{ sql, parameters }], returnsRows: false, rebuildsTables: false };
}

/** The step that puts a relation into the catalog. */
export function catalogStep(relation: Relation): string {
  const definition = encodeRelation(relation).replaceAll("'", "''");
  return `INSERT INTO _synod_catalog VALUES ('${relation.name}', '${relation.kind}', ${relation.oid}, '${definition}')`;
}

export function openSession(node = NODE, nonce = `nonce of ${node}`): Uint8Array {
  return encodeCommand({ kind: "openSession", node, nonce });
}

export function createDatabase(sequence: number, name: string): Uint8Array {
  const identity = { session: SESSION, sequence, settledBelow: 1 };
  return encodeCommand({ kind: "createDatabase", identity, name, missingOk: false });
}

export function dropDatabase(sequence: number, name: string, missingOk = false): Uint8Array {
  const identity = { session: SESSION, sequence, settledBelow: 1 };
  return encodeCommand({ kind: "dropDatabase", identity, name, missingOk });
}

/** Builds commands of one session with rising sequences and the right catalog versions. */
export class Gateway {
  version = 0;
  readonly #session: number;
  readonly #database: number;
  #sequence = 0;

  constructor(session = SESSION, database = 1) {
    this.#session = session;
    this.#database = database;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Of a command of its own. */
  identity(): CommandIdentity {
    this.#sequence += 1;
    return { session: this.#session, sequence: this.#sequence, settledBelow: 1 };
  }

  command(
    statements: readonly CommandStatement[],
    changes: Partial<StatementsCommand> = {},
  ): Uint8Array {
    const identity = this.identity();
    const catalogVersion = this.version;
    this.version += statements.filter(({ kind }) => kind === "schema").length;
    return encodeCommand({
      kind: "statements",
      identity,
      database: this.#database,
      catalogVersion,
      catalogVersionAfter: this.version,
      seed: seedOf(this.#sequence),
      statements,
      ...changes,
    });
  }
}

export function seedOf(number: number): Uint8Array {
  return new Uint8Array(16).fill(number & 0xff);
}

/** Entries from `firstSlot` on, one a list of commands. */
export function entries(firstSlot: number, ...batches: Uint8Array[][]): AppliedEntry[] {
  return batches.map((commands, index) => ({
    slot: firstSlot + index,
    timestampMicros: TIMESTAMP + (firstSlot + index) * 1_000_000,
    commands,
  }));
}
