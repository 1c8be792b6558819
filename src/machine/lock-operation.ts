/** What a command of the log does with advisory locks, and how it is written there. */
import { type ByteReader, type ByteWriter, MalformedError } from "../base/bytes.ts";

/** What pg_advisory_lock() and its kin take. */
export interface AdvisoryLock {
  readonly key: bigint;
  /** Keys of two integers never meet those of one. */
  readonly parts: 1 | 2;
  readonly shared: boolean;
  /** What it ends with, at the latest. */
  readonly scope: AdvisoryLockScope;
}

export type AdvisoryLockScope = "session" | "transaction";

export type AdvisoryLockOperation =
  /** Takes the lock if it is free; `acquire` waits for it otherwise. */
  | { readonly kind: "try" | "acquire"; readonly lock: AdvisoryLock }
  /** Whether the client, which was told to wait, still has to. */
  | { readonly kind: "ask"; readonly lock: AdvisoryLock }
  /** The client no longer wants what it was told to wait for, even if it has it by now. */
  | { readonly kind: "giveUp"; readonly lock: AdvisoryLock }
  /** Lets it go, as often as it was taken but for once. */
  | { readonly kind: "release"; readonly lock: AdvisoryLock }
  /** All that the client has of a scope; null: it is gone, and with it what it waits for. */
  | { readonly kind: "releaseAll"; readonly scope: AdvisoryLockScope | null };

const WITH_LOCK = ["try", "acquire", "ask", "giveUp", "release"] as const;
const RELEASE_ALL = WITH_LOCK.length;
const SCOPES: readonly (AdvisoryLockScope | null)[] = ["session", "transaction", null];

export function writeLockOperation(writer: ByteWriter, operation: AdvisoryLockOperation): void {
  if (operation.kind === "releaseAll") {
    writer.u8(RELEASE_ALL).u8(SCOPES.indexOf(operation.scope));
    return;
  }
  const { key, parts, shared, scope } = operation.lock;
  writer.u8(WITH_LOCK.indexOf(operation.kind)).i64(key).u8(parts);
  writer.u8(shared ? 1 : 0).u8(SCOPES.indexOf(scope));
}

/** Throws MalformedError on bytes that writeLockOperation did not write. */
export function readLockOperation(reader: ByteReader): AdvisoryLockOperation {
  const number = reader.u8();
  if (number === RELEASE_ALL) return { kind: "releaseAll", scope: scopeAt(reader.u8()) };
  const kind = WITH_LOCK[number];
  if (kind === undefined) throw new MalformedError(`lock operation ${number}`);
  const key = reader.i64();
  const parts = reader.u8() === 1 ? 1 : 2;
  const shared = reader.u8() === 1;
  const scope = scopeAt(reader.u8());
  if (scope === null) throw new MalformedError("a lock without a scope");
  return { kind, lock: { key, parts, shared, scope } };
}

function scopeAt(index: number): AdvisoryLockScope | null {
  const scope = SCOPES[index];
  if (scope === undefined) throw new MalformedError(`lock scope ${index}`);
  return scope;
}
