/**
 * What crosses between the machine's threads and the thread that owns them: calls by name, answers
 * by number. Errors cross as data, and are of the same class on the other side.
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { SqlError, type SqlErrorFields } from "../sql/errors.ts";
import type { Durability } from "./connection.ts";
import type { HandedFiles, Measured } from "./handed-files.ts";
import { MachineError } from "./machine-error.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import {
  type AppliedEntry,
  type ApplyReport,
  type DatabaseId,
  type MachineState,
  type ReadPage,
  type ReadRequest,
  type SnapshotFiles,
  StaleSchemaError,
  ViewClosedError,
} from "./state-machine.ts";

/** What a thread is started with, and where its owner says which calls are to end (StopFlags). */
export type ThreadStart = ThreadRole & { readonly stops: SharedArrayBuffer };

export type ThreadRole =
  | {
      readonly role: "writer";
      readonly directory: string;
      readonly node: number;
      readonly durability: Durability;
    }
  | {
      readonly role: "reader";
      readonly directory: string;
      readonly cursorsMax: number;
      readonly cursorIdleMs: number;
    }
  | { readonly role: "copier"; readonly directory: string };

/** What the writer's thread can be asked. */
export interface WriterCalls {
  open(): MachineState;
  /** Entries as packEntries wrote them. */
  apply(packed: Uint8Array): Measured<ApplyReport>;
  /** The applied slot once everything asked before is done. */
  appliedIndex(): number;
  checkpoint(): number;
  speculate(request: SpeculationRequest): Measured<SpeculationResult>;
  endTransaction(database: DatabaseId, transaction: number): void;
  restore(directory: string, files: readonly string[]): MachineState;
  /** See Machine.handOver, takeOver and tidy. */
  handOver(): HandedFiles;
  takeOver(handed: HandedFiles): void;
  tidy(): number;
  end(): void;
}

/** What a reader's thread can be asked. */
export interface ReaderCalls {
  read(request: ReadRequest): ReadPage;
  readMore(cursor: number, rows: number): ReadPage;
  closeCursor(cursor: number): void;
  closeView(view: number): void;
  forget(database: DatabaseId): void;
  closeFiles(): void;
  end(): void;
}

/** What a copier's thread can be asked. */
export interface CopierCalls {
  /** Answers once the thread runs. */
  ready(): void;
  pin(appliedIndex: number): void;
  copyTo(directory: string): Promise<SnapshotFiles>;
  contentHash(): { appliedIndex: number; hash: string };
  end(): void;
}

export interface CallMessage {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
  /** Its owner may ask that it ends. */
  readonly stoppable: boolean;
}

export type AnswerMessage =
  | { readonly id: number; readonly kind: "result"; readonly result: unknown }
  | { readonly id: number; readonly kind: "error"; readonly error: ErrorData };

/** An error as it crosses. */
export type ErrorData =
  | {
      readonly kind: "sql";
      readonly sqlState: string;
      readonly message: string;
      readonly fields: SqlErrorFields;
    }
  | { readonly kind: "staleSchema" | "viewClosed"; readonly message: string }
  | { readonly kind: "machine"; readonly message: string; readonly stack: string };

export function errorToData(error: unknown): ErrorData {
  if (error instanceof SqlError) {
    const { sqlState, message, fields } = error;
    return { kind: "sql", sqlState, message, fields };
  }
  if (error instanceof StaleSchemaError) return { kind: "staleSchema", message: error.message };
  if (error instanceof ViewClosedError) return { kind: "viewClosed", message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "machine", message, stack: (error instanceof Error && error.stack) || "" };
}

export function errorFromData(data: ErrorData): Error {
  switch (data.kind) {
    case "sql":
      return new SqlError(data.sqlState, data.message, data.fields);
    case "staleSchema":
      return new StaleSchemaError(data.message);
    case "viewClosed":
      return new ViewClosedError(data.message);
    case "machine":
      return new MachineError(data.message, { cause: data.stack });
  }
}

/**
 * Entries in one buffer of their own, which can change hands: a command is often a view of a much
 * larger buffer, all of which would be copied with it.
 */
export function packEntries(entries: readonly AppliedEntry[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u32(entries.length);
  for (const { slot, timestampMicros, commands } of entries) {
    writer.u64(slot).u64(timestampMicros).u32(commands.length);
    for (const command of commands) writer.bytes(command);
  }
  return new Uint8Array(writer.finish());
}

/** The inverse of packEntries; the commands are views of `packed`. */
export function unpackEntries(packed: Uint8Array): AppliedEntry[] {
  const reader = new ByteReader(packed);
  const entries: AppliedEntry[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    const slot = reader.u64();
    const timestampMicros = reader.u64();
    const commands: Uint8Array[] = [];
    for (let more = reader.u32(); more > 0; more -= 1) commands.push(reader.bytes());
    entries.push({ slot, timestampMicros, commands });
  }
  reader.end();
  return entries;
}
