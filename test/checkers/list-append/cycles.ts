/**
 * Names the cycles of a dependency graph. Within a strongly connected component, for each kind of cycle
 * from the gravest on, the weakest order is looked for in which there is one:
 *
 * | name          | edges of the cycle                                                             |
 * | G0            | ww                                                                             |
 * | G1c           | ww and wr                                                                      |
 * | G-single      | ww, wr and one rw                                                              |
 * | G-nonadjacent | ww, wr and several rw, no two of them in a row                                 |
 * | G2-item       | ww, wr and rw, two of them in a row                                            |
 * | …-process     | also process edges                                                             |
 * | …-realtime    | also process and realtime edges                                                |
 *
 * A kind is passed over where a graver one of a weaker or the same order was found, as that refutes all
 * that it would. So each search is one for any cycle at all in a part of the graph, in linear time.
 */
import { cyclicComponents } from "./components.ts";
import { EDGE, Graph, partOf } from "./graph.ts";
import { type CycleName, ORDERS, type Order } from "./levels.ts";
import { cycleWithOne, shortCycle } from "./short-cycle.ts";

export interface Cycle {
  readonly name: CycleName;
  readonly order: Order;
  /** Edges of the whole graph, each beginning where the one before ends, in a circle. */
  readonly edges: readonly number[];
}

const ORDER_MASK: Readonly<Record<Order, number>> = {
  plain: EDGE.through,
  process: EDGE.through | EDGE.process,
  realtime: EDGE.through | EDGE.process | EDGE.realtime,
};

const WRITES = EDGE.ww | EDGE.wr;
const EVERYTHING = WRITES | EDGE.rw | ORDER_MASK.realtime;

const KINDS = [
  { find: findPlain, mask: EDGE.ww },
  { find: findPlain, mask: WRITES },
  { find: findNonadjacent, mask: WRITES | EDGE.rw },
  { find: findPlain, mask: WRITES | EDGE.rw },
] as const;

/** Calls `report` with some short cycles of every component: at least the gravest. */
export function findCycles(graph: Graph, report: (cycle: Cycle) => void): void {
  for (const nodes of cyclicComponents(graph, EVERYTHING)) {
    const part = partOf(graph, nodes);
    // Only orders that are weaker than any in which a cycle was found so far.
    let orders: readonly Order[] = ORDERS;
    for (const kind of KINDS) {
      const found = firstCycle(part, kind, orders);
      if (found === null) continue;
      orders = orders.slice(0, orders.indexOf(found.order));
      const edges = found.edges.map((edge) => part.label(edge));
      report({ name: nameOf(graph, edges), order: found.order, edges });
    }
  }
}

function firstCycle(
  part: Graph,
  { find, mask }: (typeof KINDS)[number],
  orders: readonly Order[],
): { readonly order: Order; readonly edges: readonly number[] } | null {
  for (const order of orders) {
    const edges = find(part, mask | ORDER_MASK[order]);
    if (edges !== null) return { order, edges };
  }
  return null;
}

function findPlain(part: Graph, mask: number): readonly number[] | null {
  const [component] = cyclicComponents(part, mask);
  return component === undefined ? null : shortCycle(part, component, mask);
}

/**
 * A cycle without two rw edges in a row, such as snapshot isolation forbids. In a graph where each node
 * stands twice, the second time for those reached by rw, and which no rw edge leaves from there, these
 * are the cycles. (A closed walk may pass a node once each way; one of the two circles that it is made of is
 * then such a cycle as well.)
 */
function findNonadjacent(part: Graph, mask: number): readonly number[] | null {
  const twice = new Graph(part.nodeCount * 2);
  for (let edge = 0; edge < part.edgeCount; edge += 1) {
    const kind = part.kind(edge);
    if ((kind & mask) === 0) continue;
    const [from, to] = [part.from(edge) * 2, part.to(edge) * 2];
    if (kind === EDGE.rw) {
      twice.addEdge(from, to + 1, kind, edge);
      continue;
    }
    twice.addEdge(from, to, kind, edge);
    twice.addEdge(from + 1, kind === EDGE.through ? to + 1 : to, kind, edge);
  }
  const [component] = cyclicComponents(twice, mask);
  if (component === undefined) return null;
  const edges = cycleWithOne(twice, component, mask, EDGE.rw) ?? shortCycle(twice, component, mask);
  return edges.map((edge) => twice.label(edge));
}

function nameOf(graph: Graph, edges: readonly number[]): CycleName {
  const kinds = edges.map((edge) => graph.kind(edge)).filter((kind) => kind !== EDGE.through);
  const reads = kinds.filter((kind) => kind === EDGE.rw).length;
  if (reads === 1) return "G-single";
  if (reads > 1) {
    const adjacent = kinds.some(
      (kind, at) => kind === EDGE.rw && kinds[(at + 1) % kinds.length] === EDGE.rw,
    );
    return adjacent ? "G2-item" : "G-nonadjacent";
  }
  return kinds.includes(EDGE.wr) ? "G1c" : "G0";
}
