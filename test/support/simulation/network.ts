/**
 * A network that loses, repeats, delays and so reorders messages, with links that are cut one
 * direction at a time. Knows nothing of what it carries.
 */
import type { Random } from "../../../src/base/random.ts";
import type { Scheduler } from "./scheduler.ts";

export interface NetworkFaults {
  /** Out of 1000 messages. */
  readonly lossPermille: number;
  readonly duplicatePermille: number;
  readonly delayMin: number;
  readonly delayMax: number;
  /** Out of 1000 messages, so many take up to twenty times as long. */
  readonly stragglerPermille: number;
}

export interface NetworkParts<Message> {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: NetworkFaults;
  readonly deliver: (from: number, to: number, message: Message) => void;
  /** Asked before a message is lost ("loss"), repeated ("duplicate") or late ("straggler"). */
  readonly strikes?: (fault: string) => boolean;
}

export class Network<Message> {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #deliver: (from: number, to: number, message: Message) => void;
  readonly #strikes: (fault: string) => boolean;
  readonly #cut = new Set<string>();
  #faults: NetworkFaults;
  #inFlight = 0;

  constructor({ scheduler, random, faults, deliver, strikes = () => true }: NetworkParts<Message>) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#faults = faults;
    this.#deliver = deliver;
    this.#strikes = strikes;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  setFaults(faults: NetworkFaults): void {
    this.#faults = faults;
  }

  send(from: number, to: number, message: Message): void {
    if (this.isCut(from, to) || this.#happens("loss", this.#faults.lossPermille)) return;
    this.#carry(from, to, message);
    while (this.#happens("duplicate", this.#faults.duplicatePermille)) {
      this.#carry(from, to, message);
    }
  }

  cut(from: number, to: number): void {
    this.#cut.add(link(from, to));
  }

  mend(from: number, to: number): void {
    this.#cut.delete(link(from, to));
  }

  mendAll(): void {
    this.#cut.clear();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(link(from, to));
  }

  /** How long the next message takes. */
  drawDelay(): number {
    const { delayMin, delayMax, stragglerPermille } = this.#faults;
    const delay = delayMin + this.#random.below(delayMax - delayMin + 1);
    return this.#happens("straggler", stragglerPermille)
      ? delay * (1 + this.#random.below(20))
      : delay;
  }

  #happens(fault: string, permille: number): boolean {
    return this.#random.below(1000) < permille && this.#strikes(fault);
  }

  #carry(from: number, to: number, message: Message): void {
    this.#inFlight += 1;
    this.#scheduler.after(this.drawDelay(), () => {
      this.#inFlight -= 1;
      if (!this.isCut(from, to)) this.#deliver(from, to, message);
    });
  }
}

function link(from: number, to: number): string {
  return `${from}>${to}`;
}
