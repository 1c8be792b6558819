import type { Verdict } from "../history.ts";

const SHOWN_MAX = 10;

/** Collects what is wrong; the verdict carries the first kind and examples of all. */
export class Findings {
  readonly #found: { readonly anomaly: string; readonly text: string }[] = [];
  readonly #countOf = new Map<string, number>();

  add(anomaly: string, text: string): void {
    const count = (this.#countOf.get(anomaly) ?? 0) + 1;
    this.#countOf.set(anomaly, count);
    if (count <= SHOWN_MAX) this.#found.push({ anomaly, text });
  }

  verdict(): Verdict {
    const [first] = this.#found;
    if (first === undefined) return { kind: "valid" };
    const counts = [...this.#countOf].map(([anomaly, count]) => `${anomaly}: ${count}`).join(", ");
    const examples = this.#found.map(({ anomaly, text }) => `${anomaly}: ${text}`);
    return {
      kind: "invalid",
      anomaly: first.anomaly,
      explanation: [counts, ...examples].join("\n"),
    };
  }
}
