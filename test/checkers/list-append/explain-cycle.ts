import type { Appends } from "./appends.ts";
import type { Cycle } from "./cycles.ts";
import { EDGE, type Graph } from "./graph.ts";
import { cycleName } from "./levels.ts";
import { listText } from "./transaction.ts";
import { transactionText, type VersionOrder } from "./version-order.ts";

export interface Evidence {
  readonly appends: Appends;
  /** By the index of the key. */
  readonly orders: readonly VersionOrder[];
  readonly graph: Graph;
}

/** One dependency between two transactions, with what stands between them left out. */
interface Dependency {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
  /** Index of the key, or -1. */
  readonly key: number;
}

/** The transactions of the cycle, and why each must come before the next. */
export function explainCycle({ name, order, edges }: Cycle, evidence: Evidence): string {
  const dependencies = dependenciesOf(edges, evidence);
  const transactions = [...new Set(dependencies.map(({ from }) => from))].toSorted((a, b) => a - b);
  const lines = [
    `${cycleName(name, order)}: each of these must come before the next, in a circle`,
    ...transactions.map((index) => `  ${transactionText(evidence.appends, index)}`),
    ...dependencies.map((dependency) => `  ${dependencyText(dependency, evidence)}`),
  ];
  return lines.join("\n");
}

function dependenciesOf(edges: readonly number[], { appends, graph }: Evidence): Dependency[] {
  const isTransaction = (node: number): boolean => node < appends.history.length;
  const start = edges.findIndex((edge) => isTransaction(graph.from(edge)));
  const circle = [...edges.slice(start), ...edges.slice(0, start)];
  const dependencies: Dependency[] = [];
  let first = circle[0] ?? -1;
  for (const edge of circle) {
    if (isTransaction(graph.from(edge))) first = edge;
    if (!isTransaction(graph.to(edge))) continue;
    dependencies.push({
      from: graph.from(first),
      to: graph.to(edge),
      kind: graph.kind(first),
      key: graph.label(first),
    });
  }
  return dependencies;
}

function dependencyText(dependency: Dependency, { appends, orders }: Evidence): string {
  const { from, to, kind, key } = dependency;
  const arrow = `T${from} -> T${to}`;
  if (kind === EDGE.process) {
    return `${arrow} process: process ${appends.transaction(from).process} did it before`;
  }
  if (kind === EDGE.realtime) {
    const { completedAt } = appends.transaction(from);
    const { invokedAt } = appends.transaction(to);
    return `${arrow} realtime: completed at ${completedAt}, before ${invokedAt}, when T${to} was invoked`;
  }
  const versions = orders[key];
  if (versions === undefined) throw new Error(`there is no key ${key}`);
  const name = versions.key.key;
  const writers = versions.order.map((value) => appends.writer(versions.key, value));
  if (kind === EDGE.rw) return `${arrow} rw: ${readText(versions, writers, dependency)}`;
  if (kind === EDGE.wr) {
    const value = versions.order.find(
      (_, at) => writers[at] === from && isRead(versions, to, at + 1),
    );
    return `${arrow} wr: T${to} read ${name} with ${value} of T${from} at the end`;
  }
  const at = writers.findIndex((writer, index) => writer === from && writers[index + 1] === to);
  if (at !== -1) {
    const [value, after] = versions.order.slice(at, at + 2);
    return `${arrow} ww: to ${name}, T${from} appended ${value} and T${to} then ${after}`;
  }
  const last = versions.order.at(-1);
  return `${arrow} ww: to ${name}, T${from} appended ${last}, and T${to} what nobody has read yet`;
}

/** Whether the transaction read this many values, before what it appended itself. */
function isRead({ reads }: VersionOrder, transaction: number, length: number): boolean {
  return reads.some((read) => read.transaction === transaction && read.list.length >= length);
}

function readText(
  { key, order, reads }: VersionOrder,
  writers: readonly number[],
  { from, to }: Dependency,
): string {
  const own = reads.filter((read) => read.transaction === from);
  const next = own.find((read) => writers[read.list.length] === to);
  if (next !== undefined) {
    const value = order[next.list.length];
    return `T${from} read ${key.key} as ${listText(next.list)}, to which T${to} then appended ${value}`;
  }
  const whole = own.find((read) => read.list.length === order.length);
  return (
    `T${from} read ${key.key} as ${listText(whole?.list ?? [])}, ` +
    `without what T${to} appended, which therefore came later`
  );
}
