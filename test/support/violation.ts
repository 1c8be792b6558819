/** An invariant was broken: its name and the two facts that contradict each other. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: string;
  readonly facts: readonly [string, string];

  constructor(invariant: string, first: string, second: string) {
    super(`${invariant}: ${first} / ${second}`);
    this.invariant = invariant;
    this.facts = [first, second];
  }
}
