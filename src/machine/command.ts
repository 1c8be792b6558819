/**
 * The replicated command: what one client's statement (or several, in one implicit transaction)
 * becomes in the log. It holds SQLite SQL and values only, so that a replica with another version
 * of the translator applies the same thing. A batch in a slot is a timestamp and a list of these.
 */
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import type { SqliteValue } from "../sql/values.ts";
import {
  type AdvisoryLockOperation,
  readLockOperation,
  writeLockOperation,
} from "./lock-operation.ts";
import type { DatabaseId } from "./state-machine.ts";

/** Who sent a command: a retry carries the same, and runs at most once (faults rules 18, 19). */
export interface CommandIdentity {
  /** Given by the log when the gateway opened its session; 0 only in openSession. */
  readonly session: number;
  /** From 1, one a command. */
  readonly sequence: number;
  /** Every sequence below this one is settled at the gateway and will not be asked for again. */
  readonly settledBelow: number;
}

export interface CommandStep {
  readonly sql: string;
  readonly parameters: readonly SqliteValue[];
}

/**
 * One statement of the client: its steps run in order. Rows come from the last one; the count is that of all
 * (COPY FROM has a step for each chunk of its data).
 */
export interface CommandStatement {
  readonly kind: "write" | "read" | "schema";
  readonly steps: readonly CommandStep[];
  /** Whether the last step returns rows. */
  readonly returnsRows: boolean;
  /** schema only: foreign keys are off while the steps run and checked afterwards. */
  readonly rebuildsTables: boolean;
}

export interface StatementsCommand {
  readonly kind: "statements";
  readonly identity: CommandIdentity;
  readonly database: DatabaseId;
  /** The catalog version that the statements were translated against. */
  readonly catalogVersion: number;
  /** The version after them: larger by one for each schema statement. */
  readonly catalogVersionAfter: number;
  /** Random bytes (16) from which random() and gen_random_uuid() answer. */
  readonly seed: Uint8Array;
  readonly statements: readonly CommandStatement[];
}

/** One statement of an interactive transaction, with what its client was shown. */
export interface TransactionStatement {
  readonly kind: "statement";
  readonly statement: CommandStatement;
  /** clock_timestamp() of this statement, microseconds since 1970. */
  readonly clockMicros: number;
  /** What nextval() answered, in order, for each sequence whose values were reserved beforehand. */
  readonly sequenceValues: SequenceValues;
  /** The client took so many rows of a query and no more; null: all. */
  readonly rowsShown: number | null;
  /** Of the result that the client saw (result-digest.ts): another one at the commit is a conflict. */
  readonly digest: Uint8Array;
}

export type SequenceValues = readonly (readonly [sequence: string, values: readonly bigint[]])[];

/** `level` counts the savepoints that are open below this one. */
export interface SavepointItem {
  readonly kind: "savepoint" | "rollbackTo" | "release";
  readonly level: number;
}

export type TransactionItem = TransactionStatement | SavepointItem;

/**
 * COMMIT of an interactive transaction: everything that it ran, in order. It takes effect if each
 * statement has the result that the client saw, and not at all otherwise.
 */
export interface TransactionCommand {
  readonly kind: "transaction";
  readonly identity: CommandIdentity;
  readonly database: DatabaseId;
  /** See StatementsCommand. */
  readonly catalogVersion: number;
  readonly catalogVersionAfter: number;
  /** Statement n of the list answers random() from this seed and n. */
  readonly seed: Uint8Array;
  /** now(): when the transaction began, microseconds since 1970. */
  readonly startedMicros: number;
  /** The transaction's id if the client asked for it (pg_current_xact_id), else 0. */
  readonly xid: number;
  /** ROLLBACK of a transaction that has an id: nothing runs, and the id is remembered as aborted. */
  readonly aborts: boolean;
  readonly items: readonly TransactionItem[];
}

/** Values of a sequence, or transaction ids, for one gateway to hand out by itself. */
export interface ReserveCommand {
  readonly kind: "reserve";
  readonly identity: CommandIdentity;
  readonly database: DatabaseId;
  /** The sequence's name; "" for transaction ids. */
  readonly sequence: string;
  readonly count: number;
}

/** An operation on the advisory locks of one of a gateway's clients. */
export interface AdvisoryLockCommand {
  readonly kind: "advisoryLock";
  readonly identity: CommandIdentity;
  readonly database: DatabaseId;
  /** Its number among those of the gateway's session. */
  readonly client: number;
  readonly operation: AdvisoryLockOperation;
}

export interface DatabaseCommand {
  readonly kind: "createDatabase" | "dropDatabase";
  readonly identity: CommandIdentity;
  readonly name: string;
  /** IF EXISTS: no error if there is none. */
  readonly missingOk: boolean;
}

/** A gateway process introduces itself; closes every session that an earlier process of this node had. */
export interface OpenSessionCommand {
  readonly kind: "openSession";
  /** The gateway's NodeId. */
  readonly node: number;
  readonly nonce: string;
}

/** The leader closes the session of a gateway that it has not heard for long. */
export interface CloseSessionCommand {
  readonly kind: "closeSession";
  /** The gateway's NodeId. */
  readonly node: number;
  /** Sessions with a higher number were opened after the leader decided so, and stay. */
  readonly upTo: number;
}

/** A command about sessions: it belongs to none itself. */
export type SessionCommand = OpenSessionCommand | CloseSessionCommand;

export type Command =
  | StatementsCommand
  | DatabaseCommand
  | SessionCommand
  | TransactionCommand
  | ReserveCommand
  | AdvisoryLockCommand;

const FORMAT_VERSION = 1;
const KINDS: readonly Command["kind"][] = [
  "statements",
  "createDatabase",
  "dropDatabase",
  "openSession",
  "transaction",
  "reserve",
  "advisoryLock",
  "closeSession",
];
const ITEM_KINDS: readonly TransactionItem["kind"][] = [
  "statement",
  "savepoint",
  "rollbackTo",
  "release",
];
const STATEMENT_KINDS: readonly CommandStatement["kind"][] = ["write", "read", "schema"];
const SEED_BYTES = 16;
const ALL_ROWS = 0xffff_ffff;
const RETURNS_ROWS = 1;
const REBUILDS_TABLES = 2;

export function encodeCommand(command: Command): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION).u8(KINDS.indexOf(command.kind));
  switch (command.kind) {
    case "openSession":
      writer.u32(command.node).text(command.nonce);
      break;
    case "createDatabase":
    case "dropDatabase":
      writeIdentity(writer, command.identity);
      writer.text(command.name).u8(command.missingOk ? 1 : 0);
      break;
    case "statements":
      writeIdentity(writer, command.identity);
      writer.u64(command.database).u64(command.catalogVersion).u64(command.catalogVersionAfter);
      writer.raw(command.seed).u16(command.statements.length);
      for (const statement of command.statements) writeStatement(writer, statement);
      break;
    case "transaction":
      writeIdentity(writer, command.identity);
      writer.u64(command.database).u64(command.catalogVersion).u64(command.catalogVersionAfter);
      writer.raw(command.seed).u64(command.startedMicros).u64(command.xid);
      writer.u8(command.aborts ? 1 : 0);
      writer.u32(command.items.length);
      for (const item of command.items) writeItem(writer, item);
      break;
    case "reserve":
      writeIdentity(writer, command.identity);
      writer.u64(command.database).text(command.sequence).u32(command.count);
      break;
    case "advisoryLock":
      writeIdentity(writer, command.identity);
      writer.u64(command.database).u64(command.client);
      writeLockOperation(writer, command.operation);
      break;
    case "closeSession":
      writer.u32(command.node).u64(command.upTo);
      break;
  }
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeCommand did not write. */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION) throw new MalformedError(`command format ${version}`);
  const command = readBody(reader, at(KINDS, reader.u8()));
  reader.end();
  return command;
}

function readBody(reader: ByteReader, kind: Command["kind"]): Command {
  if (kind === "openSession") return { kind, node: reader.u32(), nonce: reader.text() };
  if (kind === "closeSession") return { kind, node: reader.u32(), upTo: reader.u64() };
  const identity = readIdentity(reader);
  if (kind === "createDatabase" || kind === "dropDatabase") {
    return { kind, identity, name: reader.text(), missingOk: reader.u8() === 1 };
  }
  const database = reader.u64();
  if (kind === "reserve") {
    return { kind, identity, database, sequence: reader.text(), count: reader.u32() };
  }
  if (kind === "advisoryLock") {
    return { kind, identity, database, client: reader.u64(), operation: readLockOperation(reader) };
  }
  const catalogVersion = reader.u64();
  const catalogVersionAfter = reader.u64();
  const seed = reader.raw(SEED_BYTES).slice();
  if (kind === "statements") {
    const statements = list(reader, reader.u16(), readStatement);
    return { kind, identity, database, catalogVersion, catalogVersionAfter, seed, statements };
  }
  const startedMicros = reader.u64();
  const xid = reader.u64();
  const aborts = reader.u8() === 1;
  return {
    kind,
    identity,
    database,
    catalogVersion,
    catalogVersionAfter,
    seed,
    startedMicros,
    xid,
    aborts,
    items: list(reader, reader.u32(), readItem),
  };
}

function writeItem(writer: ByteWriter, item: TransactionItem): void {
  writer.u8(ITEM_KINDS.indexOf(item.kind));
  if (item.kind !== "statement") {
    writer.u16(item.level);
    return;
  }
  writer.u64(item.clockMicros).u32(item.rowsShown ?? ALL_ROWS);
  writer.u8(item.digest.length).raw(item.digest);
  writer.u16(item.sequenceValues.length);
  for (const [sequence, values] of item.sequenceValues) {
    writer.text(sequence).u32(values.length);
    for (const value of values) writer.i64(value);
  }
  writeStatement(writer, item.statement);
}

function readItem(reader: ByteReader): TransactionItem {
  const kind = at(ITEM_KINDS, reader.u8());
  if (kind !== "statement") return { kind, level: reader.u16() };
  const clockMicros = reader.u64();
  const shown = reader.u32();
  const rowsShown = shown === ALL_ROWS ? null : shown;
  const digest = reader.raw(reader.u8()).slice();
  const sequenceValues = list(reader, reader.u16(), (from) => {
    const sequence = from.text();
    return [sequence, list(from, from.u32(), (values) => values.i64())] as const;
  });
  const statement = readStatement(reader);
  return { kind, clockMicros, rowsShown, digest, sequenceValues, statement };
}

function writeIdentity(writer: ByteWriter, identity: CommandIdentity): void {
  writer.u64(identity.session).u64(identity.sequence).u64(identity.settledBelow);
}

function readIdentity(reader: ByteReader): CommandIdentity {
  return { session: reader.u64(), sequence: reader.u64(), settledBelow: reader.u64() };
}

function writeStatement(writer: ByteWriter, statement: CommandStatement): void {
  writer.u8(STATEMENT_KINDS.indexOf(statement.kind));
  const flags =
    (statement.returnsRows ? RETURNS_ROWS : 0) | (statement.rebuildsTables ? REBUILDS_TABLES : 0);
  writer.u8(flags).u16(statement.steps.length);
  for (const step of statement.steps) {
    writer.text(step.sql).u16(step.parameters.length);
    for (const parameter of step.parameters) writeValue(writer, parameter);
  }
}

function readStatement(reader: ByteReader): CommandStatement {
  const kind = at(STATEMENT_KINDS, reader.u8());
  const flags = reader.u8();
  const steps = list(reader, reader.u16(), (from) => ({
    sql: from.text(),
    parameters: list(from, from.u16(), readValue),
  }));
  return {
    kind,
    steps,
    returnsRows: (flags & RETURNS_ROWS) !== 0,
    rebuildsTables: (flags & REBUILDS_TABLES) !== 0,
  };
}

/** One tag byte, then the value: 0 null, 1 integer, 2 float, 3 text, 4 bytes. */
export function writeValue(writer: ByteWriter, value: SqliteValue): void {
  if (value === null) writer.u8(0);
  else if (typeof value === "bigint") writer.u8(1).i64(value);
  else if (typeof value === "number") writer.u8(2).f64(value);
  else if (typeof value === "string") writer.u8(3).text(value);
  else writer.u8(4).bytes(value);
}

function readValue(reader: ByteReader): SqliteValue {
  const tag = reader.u8();
  switch (tag) {
    case 0:
      return null;
    case 1:
      return reader.i64();
    case 2:
      return reader.f64();
    case 3:
      return reader.text();
    case 4:
      return reader.bytes().slice();
    default:
      throw new MalformedError(`value tag ${tag}`);
  }
}

function list<Item>(reader: ByteReader, count: number, read: (reader: ByteReader) => Item): Item[] {
  const items: Item[] = [];
  for (let left = count; left > 0; left -= 1) items.push(read(reader));
  return items;
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new MalformedError(`kind ${index}`);
  return item;
}
