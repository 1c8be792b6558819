/** What a bounded world is made of, and the numbers of its nodes. */
import type { MembershipChange } from "../../src/paxos/inputs.ts";
import type { Message } from "../../src/paxos/messages.ts";
import { type Membership, type NodeId, nodeId } from "../../src/paxos/types.ts";
import type { Rot } from "./disk.ts";

/** What a node may do by itself in all its lives together. */
export interface Budget {
  readonly campaigns: number;
  readonly commands: number;
  readonly changes: number;
}

export interface World {
  readonly name: string;
  /** One sentence for people. */
  readonly about: string;
  readonly voters: number;
  readonly learners: number;
  /** By node, counted from 1; whoever is not named does nothing by itself. */
  readonly budgets: Readonly<Record<number, Partial<Budget>>>;
  /** Crashes in the whole world. */
  readonly crashes: number;
  /** Who may crash, or find a rotten record at a restart. */
  readonly frail: readonly number[];
  /** Records that rot in the whole world; noticed at a restart. */
  readonly rots: number;
  readonly rotTells: readonly Rot[];
  /** No command is given to a leader whose next slot is above this. */
  readonly slotsMax: number;
  readonly window: number;
  /** Kinds of messages that are always lost here. */
  readonly lost: readonly Message["kind"][];
  /** Whether a message may arrive again and again; else it arrives once at most. */
  readonly duplicates: boolean;
  /** Nodes whose syncs are events of their own. Elsewhere a sync ends before anything else happens. */
  readonly slowDisks: readonly number[];
  readonly change: MembershipChange | null;
  /** Nodes whose exchange changes nothing. */
  readonly alike: readonly number[];
  /** What happened before the search begins, each carried through to its end. */
  readonly before: readonly Before[];
}

export type Before =
  /** The node is elected, and all its messages arrive. */
  | { readonly kind: "elect"; readonly node: number }
  /** The leader proposes a command; it is accepted and chosen on these nodes only. */
  | { readonly kind: "propose"; readonly node: number };

/** Far above any slot, round or count in these worlds: so a number says whether it is a node. */
const FIRST_NODE = 1001;

export function idOf(node: number): NodeId {
  return nodeId(FIRST_NODE + node - 1);
}

/** The place of a node in a state, from 0. */
export function indexOf(id: NodeId): number {
  return id - FIRST_NODE;
}

export function nodeCount(world: World): number {
  return world.voters + world.learners;
}

export function genesisOf(world: World): Membership {
  const members = Array.from({ length: nodeCount(world) }, (_, index) => {
    const id = idOf(index + 1);
    const name = String(id);
    return { id, name, incarnation: name, peer: name, sql: name, voter: index < world.voters };
  });
  return { members, nextId: idOf(members.length + 1) };
}

export function budgetOf(world: World, node: number): Budget {
  return { campaigns: 0, commands: 0, changes: 0, ...world.budgets[node] };
}

/** Names as people know them: n1 for 1001. */
export function forPeople(text: string): string {
  return text.replace(/\b100(\d)\b/g, "n$1");
}
