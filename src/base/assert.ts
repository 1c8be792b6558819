/**
 * Assertions for programmer errors: a broken one stops the node. They are never used on what a
 * peer, a client or a disk sent; such input is refused with an error instead.
 */

/** Raised when an assertion is broken. Nobody catches it: the process ends with it. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws AssertionError with `message` unless `condition` holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Ends an exhaustive switch: compiles only if every case was handled. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable case: ${JSON.stringify(value)}`);
}
