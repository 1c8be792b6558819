/** What a gateway asks of its state machine for an open interactive transaction, and the answers. */
import type { SqlErrorFields } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type {
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

/** Runs one more item of an open transaction. */
export interface SpeculationRequest {
  readonly database: DatabaseId;
  /** A number that the gateway chose: never used for another transaction. */
  readonly transaction: number;
  /** With the first request of the transaction; null afterwards. */
  readonly start: TransactionStart | null;
  readonly item: Omit<TransactionStatement, "digest" | "sequenceValues"> | SavepointItem | Look;
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
