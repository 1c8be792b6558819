/** What a gateway asks of its state machine for an open interactive transaction, and the answers. */
import type { SqlErrorFields } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type {
  CommandStatement,
  SavepointItem,
  SequenceValues,
  TransactionItem,
  TransactionStatement,
} from "./command.ts";
import type { DatabaseId, StatementOutcome } from "./state-machine.ts";

/** What holds for the whole transaction. */
export interface TransactionStart {
  readonly catalogVersion: number;
  readonly seed: Uint8Array;
  /** now(), microseconds since 1970. */
  readonly startedMicros: number;
  /** What has run elsewhere: reads, on a reader. They are looked at again before the first statement here. */
  readonly items: readonly TransactionItem[];
}

/** A query of the system catalogs, or a plan: the catalog's version vouches for it, not the log. */
export interface Look {
  readonly kind: "look";
  readonly sql: string;
  readonly parameters: readonly SqliteValue[];
  readonly clockMicros: number;
}

/**
 * A statement of no transaction: what it would do if the log ran it now, of which nothing is kept or
 * returned. "failed" says that it would leave nothing; one that would keep what it took from sequences, as
 * PostgreSQL does, is "done", for the log to find out. So is one that cannot take minutes, without being run.
 */
export interface Rehearsal {
  readonly kind: "rehearsal";
  readonly statement: CommandStatement;
}

/** Runs one more item of an open transaction, or a rehearsal: its transaction is not open afterwards. */
export interface SpeculationRequest {
  readonly database: DatabaseId;
  /** A number that the gateway chose: never used for another transaction. */
  readonly transaction: number;
  /** With the first request of the transaction; null afterwards. */
  readonly start: TransactionStart | null;
  readonly item:
    | Omit<TransactionStatement, "digest" | "sequenceValues">
    | SavepointItem
    | Look
    | Rehearsal;
}

export type SpeculationResult =
  | {
      readonly kind: "done";
      readonly outcome: StatementOutcome;
      readonly digest: Uint8Array;
      readonly sequenceValues: SequenceValues;
    }
  /** The statement failed; the item belongs to the transaction, nothing of its effects does. */
  | {
      readonly kind: "failed";
      readonly error: {
        readonly sqlState: string;
        readonly message: string;
        readonly fields: SqlErrorFields;
      };
      readonly digest: Uint8Array;
      readonly sequenceValues: SequenceValues;
    }
  /** Statement `statement` (-1: the schema) has another result by now: the transaction has ended. */
  | { readonly kind: "conflict"; readonly statement: number }
  /** Nothing ran: the transaction is not open here (any more); the first request has to come again. */
  | { readonly kind: "notOpen" }
  /** Nothing ran: values of the sequence must be reserved first, more than `had`. */
  | { readonly kind: "sequenceShortage"; readonly sequence: string; readonly had: number };
