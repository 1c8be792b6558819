/**
 * The links of one run: they lose, repeat, replay, delay and so reorder messages, are cut one
 * direction at a time (what is under way is lost) or clogged (it waits).
 */
import type { Random } from "../../../src/base/random.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { Scheduler } from "../../support/simulation/scheduler.ts";
import type { FaultLedger } from "../fault-ledger.ts";
import type { NetworkWeather } from "./weather.ts";

/** Node numbers stay below. */
const SIDE = 32;
/** Old messages that may come back. */
const REMEMBERED = 64;

/** Units after the storm in which its messages may still arrive. */
const OLD_FOR = 20;

const CALM: NetworkWeather = {
  lossPermille: 0,
  duplicatePermille: 0,
  replayPermille: 0,
  delayMax: 10,
  stragglerPermille: 0,
};

const CHATTER: ReadonlySet<Message["kind"]> = new Set(["heartbeat", "heartbeatAck", "fetch"]);

interface Flying {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
  /** It was sent in the storm. */
  readonly isOld: boolean;
}

export interface NetworkParts {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: FaultLedger;
  readonly deliver: (from: NodeId, to: NodeId, message: Message) => void;
}

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #faults: FaultLedger;
  readonly #deliver: NetworkParts["deliver"];
  readonly #cut = new Uint8Array(SIDE * SIDE);
  readonly #clogged = new Map<number, Flying[]>();
  readonly #remembered: Flying[] = [];
  #weather: NetworkWeather;
  #inFlight = 0;
  #calmedAt: number | null = null;
  #sent = 0;

  constructor(weather: NetworkWeather, parts: NetworkParts) {
    this.#weather = weather;
    this.#scheduler = parts.scheduler;
    this.#random = parts.random;
    this.#faults = parts.faults;
    this.#deliver = parts.deliver;
  }

  /** Messages under way, the clogged ones included. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * From now on nothing but what is cut goes wrong, and what was sent before is gone soon: bounds on
   * time hold from when the last heartbeat of an old leader has arrived or never will.
   */
  calm(): void {
    this.#calmedAt = this.#scheduler.now;
    this.#weather = CALM;
    for (const link of this.#clogged.keys()) this.#release(link);
  }

  send(from: NodeId, to: NodeId, message: Message): void {
    if (this.isCut(from, to)) return;
    const { lossPermille, duplicatePermille, replayPermille } = this.#weather;
    if (this.#happens(lossPermille) && this.#faults.strikes("loss")) return;
    const flying = { from, to, message, isOld: this.#calmedAt === null };
    this.#carry(flying);
    while (this.#happens(duplicatePermille) && this.#faults.strikes("duplicate")) {
      this.#carry(flying);
    }
    if (replayPermille > 0) this.#replay(flying);
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut[from * SIDE + to] = 1;
  }

  mendAll(): void {
    this.#cut.fill(0);
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut[from * SIDE + to] === 1;
  }

  /** What arrives over this link waits until it is unclogged. */
  clog(from: NodeId, to: NodeId): void {
    const link = from * SIDE + to;
    if (!this.#clogged.has(link)) this.#clogged.set(link, []);
  }

  unclog(from: NodeId, to: NodeId): void {
    this.#release(from * SIDE + to);
  }

  /** How long the next message takes. */
  drawDelay(): number {
    const delay = 1 + this.#random.below(this.#weather.delayMax);
    const late = this.#happens(this.#weather.stragglerPermille) && this.#faults.strikes("delay");
    return late ? delay * (1 + this.#random.below(20)) : delay;
  }

  #carry(flying: Flying): void {
    this.#inFlight += 1;
    this.#scheduler.after(this.drawDelay(), () => this.#arrive(flying));
  }

  #arrive(flying: Flying): void {
    const { from, to, message } = flying;
    const waiting = this.#clogged.get(from * SIDE + to);
    if (waiting !== undefined) {
      waiting.push(flying);
      return;
    }
    this.#inFlight -= 1;
    const isLate =
      flying.isOld && this.#calmedAt !== null && this.#scheduler.now > this.#calmedAt + OLD_FOR;
    if (!isLate && !this.isCut(from, to)) this.#deliver(from, to, message);
  }

  #release(link: number): void {
    const waiting = this.#clogged.get(link) ?? [];
    this.#clogged.delete(link);
    for (const flying of waiting) this.#scheduler.after(1, () => this.#arrive(flying));
  }

  /** Sends something again that was sent long ago, perhaps by an earlier life of its sender. */
  #replay(flying: Flying): void {
    // Most of what is sent are heartbeats: old ones would crowd out what can do harm.
    if (!CHATTER.has(flying.message.kind)) {
      this.#remembered[this.#sent % REMEMBERED] = flying;
      this.#sent += this.#random.below(8) === 0 ? 1 : 0;
    }
    if (!this.#happens(this.#weather.replayPermille)) return;
    const old = this.#remembered[this.#random.below(this.#remembered.length)];
    if (old === undefined || this.isCut(old.from, old.to)) return;
    if (this.#faults.strikes("replay")) this.#carry(old);
  }

  #happens(permille: number): boolean {
    return permille > 0 && this.#random.below(1000) < permille;
  }
}
