/**
 * Advisory locks. What is printed for a call is its key, as one integer; what it does and answers is
 * the gateway's (advisory-locks.ts): so a call may stand nowhere but where that one sees it.
 */
import { type LibraryEntry, native } from "./signature.ts";

export interface AdvisoryLockOperation {
  /** `lock` waits until it has the lock and `try` does not; `unlockAll` has no key. */
  readonly operation: "lock" | "try" | "unlock" | "unlockAll";
  readonly shared: boolean;
  /** A transaction's locks end with it, a session's with the session or an unlock. */
  readonly scope: "session" | "transaction";
}

const inSession = { shared: false, scope: "session" } as const;
const inTransaction = { shared: false, scope: "transaction" } as const;

const EXCLUSIVE: readonly (readonly [name: string, operation: AdvisoryLockOperation])[] = [
  ["pg_advisory_lock", { operation: "lock", ...inSession }],
  ["pg_advisory_xact_lock", { operation: "lock", ...inTransaction }],
  ["pg_try_advisory_lock", { operation: "try", ...inSession }],
  ["pg_try_advisory_xact_lock", { operation: "try", ...inTransaction }],
  ["pg_advisory_unlock", { operation: "unlock", ...inSession }],
];

/** By the function's name. */
export const advisoryLockOperations: ReadonlyMap<string, AdvisoryLockOperation> = new Map([
  ...EXCLUSIVE,
  ...EXCLUSIVE.map(([name, each]) => [`${name}_shared`, { ...each, shared: true }] as const),
  ["pg_advisory_unlock_all", { operation: "unlockAll", ...inSession }],
]);

/** Two keys of 32 bits are one of 64; that they are a space of their own is told beside the key. */
const PAIR = "(($1 << 32) | ($2 & 4294967295))";

export const advisoryLockFunctions: readonly LibraryEntry[] = Array.from(
  advisoryLockOperations,
  ([name, { operation }]) => {
    if (operation === "unlockAll") return native(`${name}() void`, "''");
    const result = operation === "lock" ? "void" : "bool";
    return [native(`${name}(int8) ${result}`, "$1"), native(`${name}(int4, int4) ${result}`, PAIR)];
  },
).flat();
