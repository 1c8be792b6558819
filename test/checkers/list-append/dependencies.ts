/**
 * Which transaction must come before which in any serial order. Nodes are the transactions of the
 * history by their index; more nodes stand between them, so that there are about as many edges as
 * there are steps:
 *
 * - moments, a chain of them: T -realtime-> moment -through-> next moment -through-> U, for all T
 *   that completed before U was invoked;
 * - ends of lists: T -rw-> end -through-> U, for all T that read the whole known list and all U whose
 *   append nobody read. Such an append comes after all that was read, in an order that nobody knows.
 */
import type { Appends, KeyHistory } from "./appends.ts";
import { EDGE, Graph } from "./graph.ts";
import type { VersionOrder } from "./version-order.ts";

/** An unknown transaction took part if somebody saw what it appended. One that failed never does. */
export function committedOf(appends: Appends, orders: readonly VersionOrder[]): Uint8Array {
  const committed = new Uint8Array(appends.history.length);
  for (const [index, { outcome }] of appends.history.entries()) {
    if (outcome === "ok") committed[index] = 1;
  }
  for (const { key, order } of orders) {
    for (const value of order) {
      const writer = appends.writer(key, value);
      if (writer !== -1) committed[writer] = 1;
    }
  }
  return committed;
}

export function dependencies(
  appends: Appends,
  orders: readonly VersionOrder[],
  committed: Uint8Array,
): Graph {
  const graph = new Graph(appends.history.length);
  for (const order of orders) if (order.usable) addVersions(graph, appends, order, committed);
  addProcessOrder(graph, appends, committed);
  addRealtimeOrder(graph, appends, committed);
  return graph;
}

function addVersions(
  graph: Graph,
  appends: Appends,
  versions: VersionOrder,
  committed: Uint8Array,
): void {
  const { key, order, reads } = versions;
  const writers = order.map((value) => appends.writer(key, value));
  const edge = (from: number, to: number, kind: number): void => {
    if (from !== to) graph.addEdge(from, to, kind, key.index);
  };
  for (let at = 1; at < writers.length; at += 1) {
    edge(writers[at - 1] ?? 0, writers[at] ?? 0, EDGE.ww);
  }
  const readersOfAll = new Set<number>();
  for (const { transaction, list } of reads) {
    let length = list.length;
    while (length > 0 && writers[length - 1] === transaction) length -= 1;
    const before = writers[length - 1];
    if (before !== undefined) edge(before, transaction, EDGE.wr);
    const after = writers[list.length];
    if (after === undefined) readersOfAll.add(transaction);
    else edge(transaction, after, EDGE.rw);
  }
  const last = writers.at(-1);
  addUnread(graph, key, { unread: unreadOf(key, order, committed), readersOfAll, last });
}

/** Committed transactions with an append to the key that no read shows. */
function unreadOf(key: KeyHistory, order: readonly number[], committed: Uint8Array): Set<number> {
  if (key.writerOf.size === order.length) return new Set();
  const read = new Set(order);
  const unread = new Set<number>();
  for (const [value, writer] of key.writerOf) {
    if (committed[writer] === 1 && !read.has(value)) unread.add(writer);
  }
  return unread;
}

interface EndOfList {
  readonly unread: ReadonlySet<number>;
  readonly readersOfAll: ReadonlySet<number>;
  /** Who appended the last value that was read. */
  readonly last: number | undefined;
}

function addUnread(graph: Graph, key: KeyHistory, end: EndOfList): void {
  const { unread, readersOfAll, last } = end;
  if (unread.size === 0) return;
  for (const writer of unread) {
    if (last !== undefined && last !== writer) graph.addEdge(last, writer, EDGE.ww, key.index);
  }
  // Whoever read all and appended too must come before every other unread append, not before its own.
  const both = [...unread].filter((writer) => readersOfAll.has(writer));
  const all = addEnd(graph, unread);
  const others = addEnd(
    graph,
    [...unread].filter((writer) => !readersOfAll.has(writer)),
  );
  for (const reader of readersOfAll) {
    graph.addEdge(reader, unread.has(reader) ? others : all, EDGE.rw, key.index);
  }
  // Each of `both` must come before each other; a ring says as much about who lies on cycles.
  if (both.length < 2) return;
  for (const [at, reader] of both.entries()) {
    graph.addEdge(reader, both[(at + 1) % both.length] ?? reader, EDGE.rw, key.index);
  }
}

function addEnd(graph: Graph, writers: Iterable<number>): number {
  const end = graph.addNode();
  for (const writer of writers) graph.addEdge(end, writer, EDGE.through, -1);
  return end;
}

function addProcessOrder(graph: Graph, appends: Appends, committed: Uint8Array): void {
  const last = new Map<number, number>();
  for (const index of byInvocation(appends, committed)) {
    const { process, outcome } = appends.transaction(index);
    const before = last.get(process);
    if (before !== undefined) graph.addEdge(before, index, EDGE.process, -1);
    // One of unknown outcome may take effect after all that its process does later.
    if (outcome === "ok") last.set(process, index);
  }
}

function addRealtimeOrder(graph: Graph, appends: Appends, committed: Uint8Array): void {
  const completions = byCompletion(appends);
  let at = 0;
  let moment = -1;
  for (const index of byInvocation(appends, committed)) {
    const { invokedAt } = appends.transaction(index);
    const first = at;
    while (at < completions.length && timeOf(appends, completions[at]) < invokedAt) at += 1;
    if (at > first) {
      const before = moment;
      moment = graph.addNode();
      if (before !== -1) graph.addEdge(before, moment, EDGE.through, -1);
      for (const done of completions.subarray(first, at)) {
        graph.addEdge(done, moment, EDGE.realtime, -1);
      }
    }
    if (moment !== -1) graph.addEdge(moment, index, EDGE.through, -1);
  }
}

function timeOf(appends: Appends, index = -1): number {
  return appends.transaction(index).completedAt;
}

function byInvocation(appends: Appends, committed: Uint8Array): Int32Array {
  const times = Float64Array.from(appends.history, ({ invokedAt }) => invokedAt);
  return sortedBy(times, (index) => committed[index] === 1);
}

function byCompletion(appends: Appends): Int32Array {
  const times = Float64Array.from(appends.history, ({ completedAt }) => completedAt);
  return sortedBy(times, (index) => appends.transaction(index).outcome === "ok");
}

function sortedBy(times: Float64Array, keep: (index: number) => boolean): Int32Array {
  const indexes = Int32Array.from(times.keys()).filter(keep);
  return indexes.toSorted((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
}
