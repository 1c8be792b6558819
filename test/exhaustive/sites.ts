/**
 * A site is a node's state together with the messages that were ever sent to it: all on which the
 * node's next steps depend. The network keeps every message for ever, so each may arrive late, twice
 * or never, in any order; what never does anything again is left out (locals.ts, `isDead`).
 *
 * A state of the world is one number of a site for each node. Steps and arrivals are worked out once
 * for each site and remembered.
 */
import { Interner } from "./facts.ts";
import type { LocalEvent, LocalStep, Locals } from "./locals.ts";
import { indexOf, type World } from "./world.ts";

export interface Move {
  readonly event: LocalEvent;
  readonly step: LocalStep;
  /** The node's own site afterwards. */
  readonly site: number;
  /** Whom it sends what, by place in the state. */
  readonly arrivals: readonly { readonly at: number; readonly message: number }[];
}

/** What the oracle must know of a site: proposals voted for there, and proposals on their way there. */
export interface SiteFacts {
  readonly votes: readonly number[];
  readonly accepts: readonly number[];
}

export class Sites {
  readonly #world: World;
  readonly #locals: Locals;
  readonly #numbers = new Map<number, number>();
  readonly #inboxNumbers = new Interner();
  readonly #inboxes: Int32Array[] = [];
  readonly #local: number[] = [];
  readonly #inbox: number[] = [];
  readonly #facts: number[] = [];
  readonly #factNumbers = new Interner();
  readonly #factList: SiteFacts[] = [];
  readonly #moves: (readonly Move[] | undefined)[] = [];
  readonly #crashes: (readonly Move[] | undefined)[] = [];
  readonly #rots: (readonly Move[] | undefined)[] = [];
  readonly #arrivals = new Map<number, number>();
  /** By local state: by event that needs no more than it, the step. */
  readonly #deliveries = new Map<number, LocalStep>();
  readonly #own: (readonly { event: LocalEvent; step: LocalStep }[] | undefined)[] = [];
  readonly #keys: number[][];
  readonly #keyNumbers = new Interner();

  constructor(world: World, locals: Locals, renamings: number) {
    this.#world = world;
    this.#locals = locals;
    this.#keys = Array.from({ length: renamings }, () => []);
  }

  get size(): number {
    return this.#local.length;
  }

  /** A node that has not begun. */
  initial(node: number): number {
    return this.#number(this.#locals.initial(node), new Int32Array(0));
  }

  localOf(site: number): number {
    return this.#local[site] ?? -1;
  }

  factsOf(site: number): number {
    return this.#facts[site] ?? -1;
  }

  facts(number: number): SiteFacts {
    const facts = this.#factList[number];
    if (facts === undefined) throw new Error(`there are no facts ${number}`);
    return facts;
  }

  /** Equal sites have equal keys under any renaming. */
  key(renaming: number, site: number): number {
    return this.#keys[renaming]?.[site] ?? -1;
  }

  /** All that may happen at a site, crashes apart, and changes something. */
  moves(site: number): readonly Move[] {
    const known = this.#moves[site];
    if (known !== undefined) return known;
    const local = this.localOf(site);
    const inbox = this.#inboxOf(site);
    const found: Move[] = this.#ownSteps(local).map(({ event, step }) =>
      this.#move(event, step, inbox),
    );
    for (const message of inbox) {
      if (this.#isIdle(local, message)) continue;
      const step = this.#delivery(local, message);
      const kept = this.#world.duplicates ? inbox : inbox.filter((other) => other !== message);
      found.push(this.#move({ kind: "deliver", message }, step, kept));
    }
    this.#moves[site] = found;
    return found;
  }

  crashes(site: number): readonly Move[] {
    const known = this.#crashes[site];
    if (known !== undefined) return known;
    return (this.#crashes[site] = this.#moveAll(site, this.#locals.crashes(this.localOf(site))));
  }

  rots(site: number): readonly Move[] {
    const known = this.#rots[site];
    if (known !== undefined) return known;
    const events = this.#locals.rots(this.localOf(site), this.#world.rotTells);
    return (this.#rots[site] = this.#moveAll(site, events));
  }

  /** The site once `message` is on its way there. */
  withMessage(site: number, message: number): number {
    const key = site * 0x100000 + message;
    const known = this.#arrivals.get(key);
    if (known !== undefined) return known;
    const inbox = this.#inboxOf(site);
    const after = inbox.includes(message)
      ? site
      : this.#number(this.localOf(site), Int32Array.from([...inbox, message]).toSorted());
    this.#arrivals.set(key, after);
    return after;
  }

  #moveAll(site: number, events: readonly LocalEvent[]): Move[] {
    const local = this.localOf(site);
    const inbox = this.#inboxOf(site);
    return events.map((event) => this.#move(event, this.#locals.step(local, event), inbox));
  }

  #ownSteps(local: number) {
    const known = this.#own[local];
    if (known !== undefined) return known;
    const events = this.#locals.ownEvents(local);
    const steps = events.map((event) => ({ event, step: this.#locals.step(local, event) }));
    this.#own[local] = steps;
    return steps;
  }

  #delivery(local: number, message: number): LocalStep {
    const key = local * 0x100000 + message;
    const known = this.#deliveries.get(key);
    if (known !== undefined) return known;
    const step = this.#locals.step(local, { kind: "deliver", message });
    this.#deliveries.set(key, step);
    return step;
  }

  #isIdle(local: number, message: number): boolean {
    const step = this.#delivery(local, message);
    return step.local === local && step.sends.length === 0 && step.broken === null;
  }

  #move(event: LocalEvent, step: LocalStep, inbox: Int32Array): Move {
    const arrivals = step.sends.map((message) => ({
      at: indexOf(this.#locals.messages.at(message).to),
      message,
    }));
    return { event, step, site: this.#number(step.local, inbox), arrivals };
  }

  #inboxOf(site: number): Int32Array {
    return this.#inboxes[this.#inbox[site] ?? -1] ?? new Int32Array(0);
  }

  #number(local: number, messages: Int32Array): number {
    const live = messages.filter(
      // A defect may make a message count that ought to be dead.
      (message) => !this.#locals.isDead(local, message) || !this.#isIdle(local, message),
    );
    const inbox = this.#inboxNumbers.of(live.join());
    if (inbox === this.#inboxes.length) this.#inboxes.push(live);
    const key = local * 0x1000000 + inbox;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#local.length;
    this.#numbers.set(key, number);
    this.#local.push(local);
    this.#inbox.push(inbox);
    this.#facts.push(this.#factsNumber(local, live));
    for (const [renaming, keys] of this.#keys.entries()) {
      keys.push(this.#keyUnder(renaming, local, live));
    }
    return number;
  }

  #keyUnder(renaming: number, local: number, live: Int32Array): number {
    const messages = live.map((message) => this.#locals.messages.key(renaming, message)).toSorted();
    return this.#keyNumbers.of(`${this.#locals.key(renaming, local)}:${messages.join()}`);
  }

  #factsNumber(local: number, live: Int32Array): number {
    const { proposals, messages } = this.#locals;
    const { accepted } = this.#locals.at(local).disk;
    const votes = [...new Set(accepted.map((entry) => proposals.number(entry)))].toSorted(
      ascending,
    );
    const accepts = [...live].flatMap((number) => {
      const { message } = messages.at(number);
      return message.kind === "accept" ? [proposals.number(message)] : [];
    });
    const distinct = [...new Set(accepts)].toSorted(ascending);
    const number = this.#factNumbers.of(`${votes.join()}|${distinct.join()}`);
    if (number === this.#factList.length) this.#factList.push({ votes, accepts: distinct });
    return number;
  }
}

function ascending(left: number, right: number): number {
  return left - right;
}
