/** What happened, in fixed columns: the last events for people, a hash over all for comparing runs. */

const EVENTS_KEPT = 50;

export class EventTrace {
  readonly #last: string[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  /** FNV-1a over every line so far. */
  get hash(): string {
    return this.#hash.toString(16).padStart(8, "0");
  }

  get count(): number {
    return this.#count;
  }

  /** Time, node, event and what the event is about. */
  add(time: number, node: number, event: string, about: string): void {
    const line = `${String(time).padStart(7)} n${String(node).padEnd(2)} ${event.padEnd(10)} ${about}`;
    this.#count += 1;
    for (let at = 0; at < line.length; at += 1) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(at), 0x01000193) >>> 0;
    }
    this.#last.push(line);
    if (this.#last.length > EVENTS_KEPT) this.#last.shift();
  }

  /** The last 50 lines, oldest first. */
  last(): readonly string[] {
    return this.#last;
  }
}
