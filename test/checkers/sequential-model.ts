/** What an object does when one operation at a time is asked of it. */
export interface SequentialModel<State, Input, Output> {
  readonly name: string;
  readonly initial: State;
  /**
   * The state after `input`, or undefined if it cannot have answered `output` in this state. A null
   * output is that of an operation whose outcome is unknown: it must be possible in every state.
   */
  step(state: State, input: Input, output: Output | null): State | undefined;
  /**
   * Whether this, with this answer, changes no state in which it is possible; it makes the search faster.
   * Not so a write of what is there already: elsewhere it would change something.
   */
  onlyReads(input: Input, output: Output): boolean;
  /** Equal for equal states only. */
  stateKey(state: State): string | number;
  /** Operations of different parts never touch the same state; each part is checked on its own. */
  partOf(input: Input): string;
  describe(input: Input, output: Output | null): string;
}
