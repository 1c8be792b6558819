/**
 * What binds the writes of a client that has advisory locks to these locks: nothing of what it sends as their
 * holder gets into the log beside the next one.
 *
 * | the locks end because                | what the client sent under them                             |
 * | the gateway's session is closed      | runs under that session or never: see Proposals.submit      |
 * | the client lets go of them, or ends  | is decided before: also what it cancelled, or left behind   |
 */
export class LockBinding {
  /** The gateway's session in the log under which the client took the locks that it has. Null: it has none. */
  session: number | null = null;
  readonly #underWay = new Set<Promise<void>>();

  /** Remembers a write until it is decided, if its client has locks now. */
  follow<Result>(submitted: Promise<Result>): Promise<Result> {
    if (this.session === null) return submitted;
    const ended = (): void => {
      this.#underWay.delete(decided);
    };
    const decided = submitted.then(ended, ended);
    this.#underWay.add(decided);
    return submitted;
  }

  /**
   * Resolves when nothing is under way that was written under the locks. What got no answer in time (40003)
   * counts as decided: the log takes it no more behind a later command of this gateway, unless an older one
   * of it still waits then, or it is CREATE or DROP DATABASE. Its client was told that it may take effect.
   */
  async decided(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}
