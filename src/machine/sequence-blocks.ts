import type { SequenceValues } from "./command.ts";
import { BrokenOff } from "./machine-error.ts";
import type { ReservedValues } from "./sequences.ts";

/** What one SequenceBlocks hands to another. */
export type HandedBlocks = readonly (readonly [
  sequence: string,
  blocks: readonly ReservedValues[],
])[];

/**
 * Values of sequences that the log gave to this node for its open transactions. What is left when
 * the process ends is never handed out: a gap, as PostgreSQL's cached values leave.
 */
export class SequenceBlocks {
  readonly #left = new Map<string, ReservedValues[]>();

  add(sequence: string, values: ReservedValues): void {
    const blocks = this.#left.get(sequence) ?? [];
    blocks.push(values);
    this.#left.set(sequence, blocks);
  }

  /** The next value, or null if none is left. */
  take(sequence: string): bigint | null {
    const blocks = this.#left.get(sequence);
    const [block] = blocks ?? [];
    if (blocks === undefined || block === undefined) return null;
    const { first, increment, count } = block;
    if (count === 1) blocks.shift();
    else blocks[0] = { first: first + increment, increment, count: count - 1 };
    return first;
  }

  /** Takes back values that nobody was shown, to hand them out next. */
  giveBack(sequence: string, values: readonly bigint[]): void {
    const blocks = this.#left.get(sequence) ?? [];
    this.#left.set(sequence, [...runsOf(values), ...blocks]);
  }

  /** The sequence was set anew: values from before would look like a step back. */
  drop(sequence: string): void {
    this.#left.delete(sequence);
  }

  clear(): void {
    this.#left.clear();
  }

  /** Everything that is left, for `addAll` elsewhere; nothing is left here. */
  takeAll(): HandedBlocks {
    const all = [...this.#left];
    this.#left.clear();
    return all;
  }

  addAll(handed: HandedBlocks): void {
    for (const [sequence, blocks] of handed) {
      for (const values of blocks) this.add(sequence, values);
    }
  }
}

/** The values as few blocks: a statement of many rows gives back many, which were blocks before. */
function runsOf(values: readonly bigint[]): ReservedValues[] {
  const runs: { first: bigint; increment: bigint; count: number }[] = [];
  let last = 0n;
  for (const value of values) {
    const run = runs.at(-1);
    const step = value - last;
    if (run !== undefined && (run.count === 1 || run.increment === step)) {
      run.increment = step;
      run.count += 1;
    } else runs.push({ first: value, increment: 0n, count: 1 });
    last = value;
  }
  return runs;
}

/** The values that one statement takes while it runs the first time. */
export class TakenValues {
  readonly #blocks: SequenceBlocks;
  #taken: Map<string, bigint[]> | null = null;

  constructor(blocks: SequenceBlocks) {
    this.#blocks = blocks;
  }

  /** Throws SequenceShortage. */
  take(sequence: string): bigint {
    const value = this.#blocks.take(sequence);
    if (value === null) throw new SequenceShortage(sequence);
    this.#taken ??= new Map();
    const values = this.#taken.get(sequence);
    if (values === undefined) this.#taken.set(sequence, [value]);
    else values.push(value);
    return value;
  }

  /** By sequence, in the order in which they were taken. */
  get all(): SequenceValues {
    return this.#taken === null ? NONE : [...this.#taken];
  }

  /** How many there are of a sequence. */
  countOf(sequence: string): number {
    return this.#taken?.get(sequence)?.length ?? 0;
  }

  /** Nobody was shown them. */
  giveBack(): void {
    for (const [sequence, values] of this.all) this.#blocks.giveBack(sequence, values);
    this.#taken = null;
  }
}

const NONE: SequenceValues = [];

/** No value of the sequence is left that this node may hand out. */
export class SequenceShortage extends BrokenOff {
  override readonly name = "SequenceShortage";
  readonly sequence: string;

  constructor(sequence: string) {
    super(`no reserved value of ${sequence} is left`);
    this.sequence = sequence;
  }
}
