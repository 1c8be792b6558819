/**
 * What binds the writes of a client that has advisory locks to these locks: when the gateway's session is closed,
 * others may have them, and what the client sent runs under that session or never: see Proposals.submit.
 */
export class LockBinding {
  /** The gateway's session in the log under which the client took the locks that it has. Null: it has none. */
  session: number | null = null;
}
