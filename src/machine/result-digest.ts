/**
 * What a client was shown, in a few bytes: a transaction commits only if each of its statements has
 * the same result at its place in the log. Short results are kept as they are, longer ones as 16
 * bytes of SHA-256, so that two results that differ are never taken for the same one by accident.
 */
import { createHash, type Hash } from "node:crypto";
import { ByteWriter } from "../base/bytes.ts";
import type { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import { writeValue } from "./command.ts";
import type { StatementOutcome } from "./state-machine.ts";

type Rows = readonly (readonly SqliteValue[])[];

const SHORT_BYTES_MAX = 16;
const KEPT_BYTES = 16;
const AS_IT_IS = 1;
const HASHED = 2;
const ROWS = 1;
const COUNT = 2;
const ERROR = 3;

/** The digest of rows that come page by page. */
export class RowsDigest {
  #writer = new ByteWriter(64).u8(ROWS);
  #hash: Hash | null = null;

  /** Adds the next rows. */
  add(rows: Rows): void {
    for (const row of rows) {
      this.#writer.u16(row.length);
      for (const value of row) writeValue(this.#writer, value);
      if (this.#writer.length > FLUSH_BYTES) this.#flush();
    }
  }

  /** Of everything that was added; to be called once. */
  finish(): Uint8Array {
    if (this.#hash === null) return digestOf(this.#writer.finish());
    this.#flush();
    return tagged(HASHED, this.#hash.digest().subarray(0, KEPT_BYTES));
  }

  #flush(): void {
    this.#hash ??= createHash("sha256");
    this.#hash.update(this.#writer.finish());
    this.#writer = new ByteWriter();
  }
}

const FLUSH_BYTES = 32 * 1024;

/** Of a statement's rows, the first `rowsShown` or all, or of how many it changed. */
export function outcomeDigest(
  { rows, count }: StatementOutcome,
  rowsShown: number | null,
): Uint8Array {
  if (rows === null) return COUNT_DIGESTS[count] ?? countDigest(count);
  const digest = new RowsDigest();
  digest.add(rowsShown === null ? rows : rows.slice(0, rowsShown));
  return digest.finish();
}

/** Of the error that a statement ended with. */
export function errorDigest({ sqlState, message }: SqlError): Uint8Array {
  return digestOf(new ByteWriter().u8(ERROR).text(sqlState).text(message).finish());
}

function countDigest(count: number): Uint8Array {
  return digestOf(new ByteWriter(16).u8(COUNT).u64(count).finish());
}

export function sameDigest(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}

function digestOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= SHORT_BYTES_MAX) return tagged(AS_IT_IS, bytes);
  const hash = createHash("sha256").update(bytes).digest();
  return tagged(HASHED, hash.subarray(0, KEPT_BYTES));
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(bytes.length + 1);
  digest[0] = tag;
  digest.set(bytes, 1);
  return digest;
}

/** Nearly every statement changes one row or none. */
const COUNT_DIGESTS: readonly Uint8Array[] = [countDigest(0), countDigest(1)];
