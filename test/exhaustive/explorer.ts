/**
 * Visits every state that a bounded world can get into, breadth first, so that the first broken
 * invariant comes with a shortest way to it.
 *
 * A state: the sites of all nodes (sites.ts), and how many crashes and rotten records are still to
 * come. A node that is down is one that takes no step for a while, so a crash and the restart after
 * it are one event.
 *
 * Symmetry: of states that differ only by an exchange of nodes that are alike, the first one found
 * stands for all; the key of a state is the least among those of its images.
 */

import { Locals } from "./locals.ts";
import type { Renaming } from "./object-graph.ts";
import { Oracle, type Verdict } from "./oracle.ts";
import { type Move, Sites } from "./sites.ts";
import { Rows, StateTable } from "./state-table.ts";
import type { MakeReplica } from "./transparent-core.ts";
import { genesisOf, idOf, nodeCount, type World } from "./world.ts";

/** One event on the way to a state. */
export interface TraceStep {
  readonly node: number;
  readonly move: Move;
}

export interface Counterexample {
  readonly broken: string;
  readonly steps: readonly TraceStep[];
  readonly locals: Locals;
}

export interface Result {
  readonly states: number;
  /** States without symmetry: each counted as often as it has images. */
  readonly unfolded: number;
  readonly transitions: number;
  readonly depth: number;
  readonly localStates: number;
  readonly messages: number;
  readonly counterexample: Counterexample | null;
  /** False: stopped at `statesMax`. */
  readonly complete: boolean;
}

export interface ExploreOptions {
  readonly statesMax?: number;
  /** Only two values chosen in one slot count; all else that a mutant breaks on the way does not. */
  readonly agreementOnly?: boolean;
  readonly withoutSymmetry?: boolean;
  readonly progress?: (states: number, transitions: number, depth: number) => void;
}

/** How far a crash's number lies above that of another event of the same site. */
const CRASHES_FROM = 1 << 12;
const ROTS_FROM = 1 << 13;
const MOVES_MAX = 1 << 14;
const PROGRESS_STATES = 1 << 16;

interface Renamed {
  readonly renaming: Renaming;
  /** The place in the state whose node comes to stand at each place. */
  readonly places: readonly number[];
}

export class Explorer {
  readonly #world: World;
  readonly #options: ExploreOptions;
  readonly #nodes: number;
  readonly #renamed: readonly Renamed[];
  readonly #locals: Locals;
  readonly #sites: Sites;
  readonly #oracle: Oracle;
  readonly #table: StateTable;
  readonly #states: Rows;
  /** By state: the one that it was reached from, and the event. */
  readonly #origins = new Rows(2);
  readonly #verdicts = new Map<string, Verdict>();
  readonly #next: Int32Array;
  readonly #key: Int32Array;
  readonly #image: Int32Array;
  #transitions = 0;
  #unfolded = 0;
  #counterexample: Counterexample | null = null;

  constructor(world: World, make: MakeReplica, options: ExploreOptions = {}) {
    this.#world = world;
    this.#options = options;
    this.#nodes = nodeCount(world);
    this.#renamed = renamingsOf(world, options.withoutSymmetry ?? false);
    const renamings = this.#renamed.map(({ renaming }) => renaming);
    this.#locals = new Locals(world, make, renamings);
    this.#sites = new Sites(world, this.#locals, renamings.length);
    const agreementOnly = options.agreementOnly ?? false;
    const bounds = { genesis: genesisOf(world), window: world.window, agreementOnly };
    this.#oracle = new Oracle(this.#locals.proposals, bounds);
    const width = this.#nodes + 1;
    this.#table = new StateTable(width);
    this.#states = new Rows(width);
    this.#next = new Int32Array(width);
    this.#key = new Int32Array(width);
    this.#image = new Int32Array(width);
  }

  run(): Result {
    const row = new Int32Array(this.#nodes + 1);
    row.set(this.#firstState());
    this.#next.set(row);
    this.#discover(-1, -1);
    const statesMax = this.#options.statesMax ?? Number.POSITIVE_INFINITY;
    let depth = 0;
    let endOfDepth = 1;
    let index = 0;
    for (; index < this.#states.length && this.#counterexample === null; index += 1) {
      if (this.#states.length > statesMax) break;
      if (index === endOfDepth) {
        depth += 1;
        endOfDepth = this.#states.length;
      }
      if (index % PROGRESS_STATES === 0) this.#options.progress?.(index, this.#transitions, depth);
      this.#expand(index, row);
    }
    return {
      states: this.#states.length,
      unfolded: this.#unfolded,
      transitions: this.#transitions,
      depth,
      localStates: this.#locals.size,
      messages: this.#locals.messages.size,
      counterexample: this.#counterexample,
      complete: this.#counterexample === null && index === this.#states.length,
    };
  }

  #expand(index: number, row: Int32Array): void {
    this.#states.read(index, row);
    const troubles = row[this.#nodes] ?? 0;
    for (let node = 0; node < this.#nodes; node += 1) {
      this.#tryAll(index, row, node, 0);
      if (!this.#world.frail.includes(node + 1)) continue;
      if (crashesLeft(troubles) > 0) this.#tryAll(index, row, node, CRASHES_FROM);
      if (rotsLeft(troubles) > 0) this.#tryAll(index, row, node, ROTS_FROM);
    }
  }

  /** All moves of `node` whose numbers begin at `from`. */
  #tryAll(index: number, row: Int32Array, node: number, from: number): void {
    const spent = from === CRASHES_FROM ? 1 : from === ROTS_FROM ? ROT : 0;
    this.#movesOf(row[node] ?? -1, from).forEach((move, number) => {
      if (this.#counterexample !== null) return;
      this.#apply(row, node, move);
      this.#next[this.#nodes] = (row[this.#nodes] ?? 0) - spent;
      if (this.#isSame(row) && move.step.broken === null) return;
      this.#transitions += 1;
      const code = node * MOVES_MAX + from + number;
      this.#judgeStep(index, code, node, move);
      this.#discover(index, code);
    });
  }

  #movesOf(site: number, from: number): readonly Move[] {
    if (from === CRASHES_FROM) return this.#sites.crashes(site);
    return from === ROTS_FROM ? this.#sites.rots(site) : this.#sites.moves(site);
  }

  /** Leaves in `#next` what `move` of `node` makes of `row`. */
  #apply(row: Int32Array, node: number, move: Move): void {
    this.#next.set(row);
    this.#next[node] = move.site;
    for (const { at, message } of move.arrivals) {
      this.#next[at] = this.#sites.withMessage(this.#next[at] ?? -1, message);
    }
  }

  #isSame(row: Int32Array): boolean {
    for (let column = 0; column <= this.#nodes; column += 1) {
      if (row[column] !== this.#next[column]) return false;
    }
    return true;
  }

  /** Notes `#next` if it is new, and judges it. */
  #discover(from: number, code: number): void {
    this.#setKey();
    if (!this.#table.add(this.#key)) return;
    this.#states.push(this.#next);
    this.#origins.push(Int32Array.of(from, code));
    this.#unfolded += this.#imageCount();
    const { broken } = this.#verdict();
    if (broken !== null && this.#counterexample === null) {
      this.#report(this.#states.length - 1, broken, null);
    }
  }

  #judgeStep(index: number, code: number, node: number, move: Move): void {
    const { step } = move;
    const failed = this.#options.agreementOnly === true ? null : step.broken;
    const isPlain = step.takes.length + step.below.length + step.opens.length === 0;
    if (failed === null && isPlain) return;
    const broken = failed ?? this.#oracle.judgeStep(step, idOf(node + 1), this.#verdict());
    if (broken !== null) this.#report(index, broken, code);
  }

  #verdict(): Verdict {
    const facts: number[] = [];
    for (let node = 0; node < this.#nodes; node += 1) {
      facts.push(this.#sites.factsOf(this.#next[node] ?? -1));
    }
    const key = facts.join();
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = this.#oracle.judge(facts.map((number) => this.#sites.facts(number)));
    this.#verdicts.set(key, verdict);
    return verdict;
  }

  /** The least key among the images of `#next`. */
  #setKey(): void {
    this.#imageUnder(0, this.#key);
    for (let other = 1; other < this.#renamed.length; other += 1) {
      this.#imageUnder(other, this.#image);
      if (isLess(this.#image, this.#key)) this.#key.set(this.#image);
    }
  }

  #imageUnder(number: number, into: Int32Array): void {
    into[this.#nodes] = this.#next[this.#nodes] ?? 0;
    this.#renamed[number]?.places.forEach((from, place) => {
      into[place] = this.#sites.key(number, this.#next[from] ?? -1);
    });
  }

  #imageCount(): number {
    if (this.#renamed.length === 1) return 1;
    const images = new Set<string>();
    for (let number = 0; number < this.#renamed.length; number += 1) {
      this.#imageUnder(number, this.#image);
      images.add(this.#image.join());
    }
    return images.size;
  }

  /** The state that the search begins with, once what comes `before` is done. */
  #firstState(): Int32Array {
    const row = new Int32Array(this.#nodes + 1);
    for (let node = 0; node < this.#nodes; node += 1) row[node] = this.#sites.initial(node + 1);
    row[this.#nodes] = this.#world.crashes + this.#world.rots * ROT;
    for (const { kind, node } of this.#world.before) {
      this.#take(row, node - 1, kind === "elect" ? "campaign" : kind);
      while (this.#settle(row)) {
        // Each round brings what the last one caused to its receivers.
      }
    }
    return row;
  }

  #take(row: Int32Array, node: number, kind: Move["event"]["kind"]): void {
    const move = this.#sites.moves(row[node] ?? -1).find(({ event }) => event.kind === kind);
    if (move === undefined) throw new Error(`n${node + 1} cannot ${kind} before the search`);
    this.#apply(row, node, move);
    this.#next[this.#nodes] = row[this.#nodes] ?? 0;
    row.set(this.#next);
  }

  /** One sync or delivery that changes something; false: there is none. */
  #settle(row: Int32Array): boolean {
    for (let node = 0; node < this.#nodes; node += 1) {
      for (const move of this.#sites.moves(row[node] ?? -1)) {
        if (move.event.kind !== "sync" && move.event.kind !== "deliver") continue;
        this.#apply(row, node, move);
        this.#next[this.#nodes] = row[this.#nodes] ?? 0;
        if (this.#isSame(row)) continue;
        row.set(this.#next);
        return true;
      }
    }
    return false;
  }

  /** `code`: the event that breaks it, after the state `index`; null: the state itself does. */
  #report(index: number, broken: string, code: number | null): void {
    const codes: number[] = code === null ? [] : [code];
    const states: number[] = code === null ? [] : [index];
    for (let at = index; at > 0; at = this.#origins.cell(at, 0)) {
      codes.push(this.#origins.cell(at, 1));
      states.push(this.#origins.cell(at, 0));
    }
    const steps = codes.map((each, place) => {
      const node = Math.floor(each / MOVES_MAX);
      const number = each % MOVES_MAX;
      const from = number >= ROTS_FROM ? ROTS_FROM : number >= CRASHES_FROM ? CRASHES_FROM : 0;
      const site = this.#states.cell(states[place] ?? 0, node);
      const move = this.#movesOf(site, from)[number - from];
      if (move === undefined) throw new Error("the way to a state is lost");
      return { node: node + 1, move };
    });
    this.#counterexample = { broken, steps: steps.toReversed(), locals: this.#locals };
  }
}

/** Troubles still to come, as one number: crashes, and rotten records above. */
const ROT = 16;

function crashesLeft(troubles: number): number {
  return troubles % ROT;
}

function rotsLeft(troubles: number): number {
  return Math.floor(troubles / ROT);
}

function isLess(left: Int32Array, right: Int32Array): boolean {
  for (let column = 0; column < left.length; column += 1) {
    const difference = (left[column] ?? 0) - (right[column] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Every exchange of the nodes that are alike; the first one exchanges nothing. */
function renamingsOf(world: World, withoutSymmetry: boolean): Renamed[] {
  const places = Array.from({ length: nodeCount(world) }, (_, place) => place);
  const identity = { renaming: new Map<number, number>(), places };
  const alike = withoutSymmetry ? [] : world.alike;
  return permutationsOf(alike).map((order) => {
    if (order.every((node, at) => node === alike[at])) return identity;
    const moved = [...places];
    const renaming = new Map<number, number>();
    order.forEach((node, at) => {
      const original = alike[at] ?? node;
      renaming.set(idOf(original), idOf(node));
      moved[node - 1] = original - 1;
    });
    return { renaming, places: moved };
  });
}

function permutationsOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutationsOf(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
