/**
 * What one node may be (core, disk, what it may still do by itself) and what each event makes of it.
 * Equal states get one number, so that each (state, event) is stepped once, however many states of
 * the whole world it is part of.
 *
 * What can be judged by one node alone is judged here: nothing is sent before it is durable, the
 * promise never goes down, what is chosen leaves in order.
 */
import { createHash } from "node:crypto";
import { type Ballot, compareBallots, formatBallot } from "../../src/paxos/ballot.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects } from "../../src/paxos/effects.ts";
import type { Input } from "../../src/paxos/inputs.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { NodeId } from "../../src/paxos/types.ts";
import {
  afterCrash,
  afterRot,
  type Disk,
  durablePromise,
  emptyDisk,
  type Rot,
  recover,
  sync,
  write,
} from "./disk.ts";
import { Interner, Messages, Proposals } from "./facts.ts";
import { copyGraph, type GraphOptions, GraphText, type Renaming } from "./object-graph.ts";
import type { GlassReplica, MakeReplica } from "./transparent-core.ts";
import { type Budget, budgetOf, genesisOf, idOf, indexOf, nodeCount, type World } from "./world.ts";

export interface Local {
  readonly node: NodeId;
  readonly replica: GlassReplica;
  readonly disk: Disk;
  readonly budget: Budget;
}

export type LocalEvent =
  | { readonly kind: "deliver"; readonly message: number }
  | { readonly kind: "sync" }
  | { readonly kind: "campaign" }
  | { readonly kind: "propose" }
  | { readonly kind: "change" }
  | { readonly kind: "crash"; readonly disk: Disk }
  | { readonly kind: "rot"; readonly disk: Disk };

/** What an event does to one node, and to the others by messages. */
export interface LocalStep {
  readonly local: number;
  readonly sends: readonly number[];
  /** Proposals that the node took as chosen. */
  readonly takes: readonly number[];
  /** Proposals that it accepted below its promise: right only if they are chosen. */
  readonly below: readonly number[];
  /** Proposals of its own that it sent out. */
  readonly opens: readonly number[];
  /** Who had promised the node its ballot by then, itself apart. */
  readonly promisers: readonly NodeId[];
  readonly broken: string | null;
}

const NOTHING = { sends: [], takes: [], below: [], opens: [], promisers: [] } as const;

/**
 * Read on ticks, in answers to probes, or in heartbeats' echoes only, which these worlds do not have;
 * or worked out from what else is there (the last two).
 */
const UNREAD = [
  "Learner.$claims",
  "Learner.$patience",
  "Log.$knownChosen",
  "Election.$leader",
  "Election.$courted",
  "Election.$catchingUpTo",
  "Confirmations.$echoed",
  "Confirmations.$progress",
  "Replica.$appliedIndex",
  "Log.$governingNow",
  "Log.$active",
];

export class Locals {
  readonly messages: Messages;
  readonly proposals = new Proposals();
  readonly #world: World;
  readonly #make: MakeReplica;
  readonly #configs: ReplicaConfig[];
  readonly #options: GraphOptions;
  readonly #texts: readonly GraphText[];
  readonly #numbers = new Interner();
  readonly #locals: Local[] = [];
  /** By renaming, by state: a number that equal states share under all renamings. */
  readonly #keys: number[][];
  readonly #keyNumbers = new Interner();
  readonly #marksCount: boolean;

  constructor(world: World, make: MakeReplica, renamings: readonly Renaming[]) {
    this.#world = world;
    this.#make = make;
    this.#marksCount = world.crashes + world.rots > 0;
    this.#configs = Array.from({ length: nodeCount(world) }, (_, at) =>
      configOf(world, idOf(at + 1)),
    );
    this.#options = {
      opaque: new Map(this.#configs.map((config) => [config, "config"])),
      ignored: new Set(UNREAD),
      // Of held messages that wait for one record, the order shows in how acceptances are joined, and
      // only a proposer with a disk of its own pace holds any where nodes are alike.
      ordered: new Set(world.alike.length > 0 ? [] : ["Outbox.$held"]),
      unordered: new Set(["members", "accepted"]),
    };
    this.#texts = renamings.map((renaming) => new GraphText(this.#options, renaming));
    this.#keys = renamings.map(() => []);
    this.messages = new Messages(this.#texts);
  }

  get size(): number {
    return this.#locals.length;
  }

  at(number: number): Local {
    const local = this.#locals[number];
    if (local === undefined) throw new Error(`there is no local state ${number}`);
    return local;
  }

  key(renaming: number, number: number): number {
    return this.#keys[renaming]?.[number] ?? -1;
  }

  initial(node: number): number {
    return this.#number(
      this.#start(idOf(node), emptyDisk(genesisOf(this.#world)), budgetOf(this.#world, node)),
    );
  }

  /** What the node may do by itself now, crashes apart. */
  ownEvents(number: number): LocalEvent[] {
    const { replica, disk, budget } = this.at(number);
    const events: LocalEvent[] = [];
    if (sync(disk) !== null) events.push({ kind: "sync" });
    const leads = replica.status().role === "leader";
    if (!leads && budget.campaigns > 0) events.push({ kind: "campaign" });
    const hasRoom = (replica.$proposer?.$nextSlot ?? 0) <= this.#world.slotsMax;
    if (leads && budget.commands > 0 && hasRoom) events.push({ kind: "propose" });
    if (leads && budget.changes > 0) events.push({ kind: "change" });
    return events;
  }

  crashes(number: number): LocalEvent[] {
    return afterCrash(this.at(number).disk).map((disk) => ({ kind: "crash", disk }));
  }

  rots(number: number, tells: readonly Rot[]): LocalEvent[] {
    const { disk } = this.at(number);
    return tells
      .flatMap((each) => afterRot(disk, each))
      .map((left) => ({ kind: "rot", disk: left }));
  }

  /**
   * Whether the message does nothing now and never will: an answer to a ballot that this node has
   * left (it never uses one again), or one that has been counted.
   */
  isDead(number: number, message: number): boolean {
    const { proposer, promised } = this.#glance(number);
    const { from, message: content } = this.messages.at(message);
    switch (content.kind) {
      case "promise":
        if (proposer === null || compareBallots(proposer.ballot, content.ballot) !== 0) return true;
        return proposer.$promises.$complete.has(from);
      case "accepted":
        if (proposer === null || compareBallots(proposer.ballot, content.ballot) !== 0) return true;
        return content.slots.every((at) => proposer.$inFlight.get(at)?.votes.has(from) !== false);
      case "prepare":
      case "accept":
        // Refused now and after any crash; and refusals are lost.
        return (
          this.#world.lost.includes("rejected") && compareBallots(content.ballot, promised) < 0
        );
      default:
        return false;
    }
  }

  #glance(number: number) {
    const { replica, disk } = this.at(number);
    return { proposer: replica.$proposer, promised: durablePromise(readable(disk)) };
  }

  step(number: number, event: LocalEvent): LocalStep {
    const before = this.at(number);
    try {
      let step = this.#step(before, event);
      if (this.#world.slowDisks.includes(indexOf(before.node) + 1)) return step;
      while (sync(this.at(step.local).disk) !== null) {
        step = joined(step, this.#step(this.at(step.local), { kind: "sync" }));
      }
      return step;
    } catch (error) {
      const broken = `a node never fails: ${error instanceof Error ? error.message : String(error)}`;
      return { ...NOTHING, local: number, broken };
    }
  }

  #step(before: Local, event: LocalEvent): LocalStep {
    switch (event.kind) {
      case "crash":
      case "rot":
        return this.#restart(before, event.disk);
      case "deliver": {
        const { from, message } = this.messages.at(event.message);
        return this.#input(before, { kind: "message", from, message });
      }
      case "sync": {
        const done = sync(before.disk);
        if (done === null) throw new Error("nothing waits for a sync");
        const through = done.batch.sequence;
        return this.#input({ ...before, disk: done.disk }, { kind: "persisted", through });
      }
      case "campaign": {
        const budget = { ...before.budget, campaigns: before.budget.campaigns - 1 };
        const message: Message = { kind: "handOver", ballot: before.replica.status().ballot };
        return this.#input({ ...before, budget }, { kind: "message", from: before.node, message });
      }
      case "propose": {
        const budget = { ...before.budget, commands: before.budget.commands - 1 };
        const name = `${"ABCDEFG"[indexOf(before.node)]}${before.budget.commands}`;
        const commands = [new Uint8Array(Buffer.from(name))];
        return this.#input({ ...before, budget }, { kind: "propose", commands });
      }
      case "change": {
        const budget = { ...before.budget, changes: before.budget.changes - 1 };
        const { change } = this.#world;
        if (change === null) throw new Error("this world has no change");
        return this.#input({ ...before, budget }, { kind: "changeMembership", id: 1, change });
      }
    }
  }

  #input(before: Local, input: Input): LocalStep {
    const replica = copyGraph(before.replica, this.#options);
    const promised = before.replica.status().ballot;
    const chosenIndex = before.replica.$log.chosenIndex;
    replica.step(input);
    const effects = replica.drain();
    const records = effects.persist.filter(
      (record) => this.#marksCount || record.kind !== "chosen",
    );
    const written = write(before.disk, records, effects.persistSequence);
    const after: Local = { ...before, ...rebased(replica, written) };
    const below = effects.persist.flatMap((record) =>
      record.kind === "accepted" && compareBallots(record.entry.ballot, promised) < 0
        ? [this.proposals.number(record.entry)]
        : [],
    );
    const broken =
      brokenPromise(promised, replica.status().ballot) ??
      brokenOrder(chosenIndex, effects) ??
      this.#brokenClaim(before, replica, effects);
    return {
      local: this.#number(after),
      sends: this.#sends(before.node, effects),
      takes: effects.chosen.map((entry) => this.proposals.number(entry)),
      below,
      opens: this.#opens(effects),
      promisers: [...(replica.$proposer?.$promises.$complete ?? [])],
      broken,
    };
  }

  #restart(before: Local, disk: Disk): LocalStep {
    const after = this.#start(before.node, disk, before.budget);
    const broken = brokenPromise(durablePromise(readable(disk)), after.replica.status().ballot);
    return { ...NOTHING, local: this.#number(after), broken };
  }

  #start(node: NodeId, disk: Disk, budget: Budget): Local {
    const config = this.#configs[indexOf(node)];
    if (config === undefined) throw new Error(`there is no n${node}`);
    const replica = this.#make(config, recover(disk));
    replica.drain();
    return { node, replica, disk, budget };
  }

  #number(local: Local): number {
    const keys = this.#texts.map((text) => {
      const node = text.of(local.node);
      const whole = `${node} ${text.of(local.replica)} ${text.of(local.disk)} ${text.of(local.budget)}`;
      return createHash("sha256").update(whole).digest("base64");
    });
    const number = this.#numbers.of(keys[0] ?? "");
    if (number === this.#locals.length) {
      this.#locals.push(local);
      keys.forEach((key, renaming) => this.#keys[renaming]?.push(this.#keyNumbers.of(key)));
    }
    return number;
  }

  #sends(from: NodeId, effects: Effects): number[] {
    return effects.send
      .filter(({ message }) => !this.#world.lost.includes(message.kind))
      .flatMap(({ to, message }) =>
        to.map((each) => this.messages.number({ from, to: each, message })),
      );
  }

  #opens(effects: Effects): number[] {
    return effects.send.flatMap(({ message }) =>
      message.kind === "accept"
        ? [
            this.proposals.number({
              slot: message.slot,
              ballot: message.ballot,
              value: message.value,
            }),
          ]
        : [],
    );
  }

  /** What the messages say must be on the disk when they leave. */
  #brokenClaim(before: Local, replica: GlassReplica, effects: Effects): string | null {
    const promised = durablePromise(readable(before.disk));
    for (const { message } of effects.send) {
      const told = toldBallot(message);
      if (told !== null && compareBallots(told, promised) > 0) {
        return `nothing is said before it is durable: ${message.kind} ${formatBallot(told)}, on the disk ${formatBallot(promised)}`;
      }
      if (message.kind !== "accepted") continue;
      for (const at of message.slots) {
        const isThere = before.disk.accepted.some(
          ({ slot, ballot }) => slot === at && compareBallots(ballot, message.ballot) === 0,
        );
        if (isThere || at <= replica.$log.chosenIndex) continue;
        return `nothing is said before it is durable: accepted ${formatBallot(message.ballot)} in slot ${at}`;
      }
    }
    return null;
  }
}

function joined(first: LocalStep, second: LocalStep): LocalStep {
  return {
    local: second.local,
    sends: [...first.sends, ...second.sends],
    takes: [...first.takes, ...second.takes],
    below: [...first.below, ...second.below],
    opens: [...first.opens, ...second.opens],
    promisers: second.promisers,
    broken: first.broken ?? second.broken,
  };
}

/** Sequences only count from what is durable: the rest of their history would make equal states differ. */
function rebased(replica: GlassReplica, disk: Disk): { replica: GlassReplica; disk: Disk } {
  const { $outbox } = replica;
  const past = $outbox.$durableSequence;
  if (past === 0) return { replica, disk };
  $outbox.$sequence -= past;
  $outbox.$durableSequence = 0;
  for (const [key, held] of $outbox.$held) {
    $outbox.$held.set(key, { ...held, after: held.after - past });
  }
  const pending = disk.pending.map((batch) => ({ ...batch, sequence: batch.sequence - past }));
  return { replica, disk: { ...disk, pending } };
}

/** Without what a rotten record alone says. */
function readable(disk: Disk): Disk {
  if (disk.rotten === null || disk.rotten.tells === "ballot known") return disk;
  return { ...disk, accepted: disk.accepted.filter((entry) => entry !== disk.rotten?.entry) };
}

function toldBallot(message: Message): Ballot | null {
  switch (message.kind) {
    case "prepare":
    case "promise":
    case "accepted":
      return message.ballot;
    case "rejected":
      return message.promised;
    default:
      return null;
  }
}

function brokenPromise(before: Ballot, after: Ballot): string | null {
  if (compareBallots(after, before) >= 0) return null;
  return `a promise never goes down: ${formatBallot(before)} was promised, now ${formatBallot(after)}`;
}

function brokenOrder(chosenIndex: number, effects: Effects): string | null {
  const slots = effects.chosen.map((entry) => Number(entry.slot));
  if (slots.every((at, place) => at === chosenIndex + 1 + place)) return null;
  return `chosen slots leave in order without gaps: ${slots.join()} after ${chosenIndex}`;
}

function configOf(world: World, self: NodeId): ReplicaConfig {
  return {
    self,
    electionTicks: 10,
    heartbeatTicks: 2,
    retryTicks: 4,
    diskStallTicks: 30,
    healTicks: 100,
    window: world.window,
    pipelineSlots: world.window,
    batchCommandsMax: 1,
    batchBytesMax: 64,
    queueBytesMax: 1024,
    transferBytesMax: 1024,
    random: () => 0,
  };
}
