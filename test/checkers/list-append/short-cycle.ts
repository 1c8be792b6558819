/** Cycles that a person can follow: short ones, though not always the shortest. */
import { EDGE, type Graph } from "./graph.ts";

const TRIES_MAX = 32;
/** Nodes that all tries together may look at. */
const NODES_MAX = 2_000_000;

/** Edges of a short cycle in a strongly connected component, over edges whose kind is in the mask. */
export function shortCycle(
  graph: Graph,
  component: readonly number[],
  mask: number,
): readonly number[] {
  const within = new Set(component);
  const starts = component.slice(0, triesFor(component));
  const cycle = shortest(starts, (node) =>
    pathWithin(graph, { within, mask, from: node, to: node }),
  );
  if (cycle === null) throw new Error("a strongly connected component without a cycle");
  return cycle;
}

/** As shortCycle, but with exactly one edge that is of `kind`; null if none was found in time. */
export function cycleWithOne(
  graph: Graph,
  component: readonly number[],
  mask: number,
  kind: number,
): readonly number[] | null {
  const within = new Set(component);
  const edges: number[] = [];
  const tries = triesFor(component);
  for (let edge = 0; edge < graph.edgeCount && edges.length < tries; edge += 1) {
    if (graph.kind(edge) !== kind) continue;
    if (within.has(graph.from(edge)) && within.has(graph.to(edge))) edges.push(edge);
  }
  return shortest(edges, (edge) => {
    const [from, to] = [graph.to(edge), graph.from(edge)];
    const path = pathWithin(graph, { within, mask: mask & ~kind, from, to });
    return path === null ? null : [edge, ...path];
  });
}

function triesFor(component: readonly number[]): number {
  return Math.max(1, Math.min(TRIES_MAX, Math.floor(NODES_MAX / component.length)));
}

function shortest<Start>(
  starts: readonly Start[],
  cycleOf: (start: Start) => readonly number[] | null,
): readonly number[] | null {
  let best: readonly number[] | null = null;
  for (const start of starts) {
    const cycle = cycleOf(start);
    if (cycle !== null && (best === null || cycle.length < best.length)) best = cycle;
  }
  return best;
}

interface Search {
  readonly within: ReadonlySet<number>;
  readonly mask: number;
  readonly from: number;
  readonly to: number;
}

/** Breadth first; edges that mean nothing do not count. */
function pathWithin(graph: Graph, search: Search): readonly number[] | null {
  const reachedBy = new Map<number, number>();
  let level = [search.from];
  while (level.length > 0) {
    const next: number[] = [];
    // The level grows while it is walked, by what edges without meaning lead to.
    for (const node of level) {
      for (const edge of newEdges(graph, search, node, reachedBy)) {
        (graph.kind(edge) === EDGE.through ? level : next).push(graph.to(edge));
      }
      if (reachedBy.has(search.to)) return walkBack(graph, reachedBy, search);
    }
    level = next;
  }
  return null;
}

/** Notes what the node leads to that was not reached before; answers the edges. */
function newEdges(
  graph: Graph,
  { within, mask }: Search,
  node: number,
  reachedBy: Map<number, number>,
): readonly number[] {
  const edges: number[] = [];
  for (let out = graph.firstOut(node); out < graph.firstOut(node + 1); out += 1) {
    const edge = graph.edgeAt(out);
    const target = graph.to(edge);
    if ((graph.kind(edge) & mask) === 0 || reachedBy.has(target) || !within.has(target)) continue;
    reachedBy.set(target, edge);
    edges.push(edge);
  }
  return edges;
}

function walkBack(
  graph: Graph,
  reachedBy: ReadonlyMap<number, number>,
  { from, to }: Search,
): readonly number[] {
  const edges: number[] = [];
  let node = to;
  do {
    const edge = reachedBy.get(node) ?? -1;
    edges.push(edge);
    node = graph.from(edge);
  } while (node !== from);
  return edges.toReversed();
}
