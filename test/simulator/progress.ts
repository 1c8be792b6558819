/** How far a long run is, on one line that is written again, or now and then where nobody sees it move. */
import { missingMarks } from "./marks.ts";
import { type Tally, totalOf } from "./tally.ts";
import { WORLD_NAMES, WORLDS } from "./worlds.ts";

const BAR_CELLS = 24;
const LINE_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 250;

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #startedMs = performance.now();
  readonly #fraction: (seeds: number, seconds: number) => number;
  #shownMs = Number.NEGATIVE_INFINITY;

  /** `fraction`: how much of the work is done, from 0 to 1. */
  constructor(out: NodeJS.WriteStream, fraction: (seeds: number, seconds: number) => number) {
    this.#out = out;
    this.#fraction = fraction;
  }

  show(tally: Tally): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < (this.#out.isTTY ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownMs = nowMs;
    const line = this.#line(tally);
    this.#out.write(this.#out.isTTY ? `\r${line}\u001b[K` : `${line}\n`);
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  #line(tally: Tally): string {
    const { seconds } = this;
    const seeds = totalOf(tally, "seeds");
    const part = Math.min(1, this.#fraction(seeds, seconds));
    const cells = Math.round(part * BAR_CELLS);
    const bar = `${"█".repeat(cells)}${"░".repeat(BAR_CELLS - cells)}`;
    const restText = part === 0 ? "" : `, ${duration((seconds * (1 - part)) / part)} left`;
    return `${bar} ${seeds} seeds, ${(seeds / seconds).toFixed(1)}/s, ${virtualTime(totalOf(tally, "virtualMs"))} simulated, ${totalOf(tally, "faults")} faults, ${coverage(tally)} marks met${restText}`;
  }
}

/** Marks that were met, of those that such a number of seeds must meet. */
function coverage(tally: Tally): string {
  let [met, all] = [0, 0];
  for (const name of WORLD_NAMES) {
    const { marks } = WORLDS[name];
    all += marks.length;
    met += marks.filter((mark) => (tally[name].met.get(mark.name) ?? 0) > 0).length;
  }
  return `${met}/${all}`;
}

/** The summary of a finished run. */
export function summary(tally: Tally, seconds: number): string {
  const lines = WORLD_NAMES.filter((name) => tally[name].seeds > 0).map((name) => {
    const { seeds, events, virtualMs, faults } = tally[name];
    return `  ${name.padEnd(7)} ${seeds} seeds, ${virtualTime(virtualMs)} simulated, ${events} events, ${faults} faults`;
  });
  const seeds = totalOf(tally, "seeds");
  const rate = (seeds / seconds).toFixed(1);
  return [
    `${seeds} seeds in ${duration(seconds)} (${rate} a second), ${virtualTime(totalOf(tally, "virtualMs"))} simulated`,
    ...lines,
  ].join("\n");
}

/** What the run did not meet often enough to count as a test of it; empty: nothing. */
export function missing(tally: Tally): readonly string[] {
  return WORLD_NAMES.flatMap((world) =>
    missingMarks(WORLDS[world].marks, tally[world].met, tally[world].seeds).map(
      ({ name, met, least }) => `${world}: "${name}" in ${met} runs, and should be in ${least}`,
    ),
  );
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function virtualTime(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  if (hours < 1) return `${(hours * 60).toFixed(1)} minutes`;
  if (hours < 48) return `${hours.toFixed(1)} hours`;
  return hours < 24 * 365
    ? `${(hours / 24).toFixed(1)} days`
    : `${(hours / 24 / 365).toFixed(2)} years`;
}
