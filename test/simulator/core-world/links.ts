/** Shapes of cut and clogged links (faults.md N4 to N9). */
import type { Random } from "../../../src/base/random.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { Cluster } from "./cluster.ts";

/** What each storm draws from; "mended" is no fault. */
const SHAPES = [
  "mended",
  "mended",
  "partition symmetric",
  "partition one-way",
  "partition send-only",
  "partition receive-only",
  "partition quorum loss",
  "partition constrained",
  "partition chained",
  "partition random",
] as const;

type Shape = (typeof SHAPES)[number];

/** Units that a node is alone before only it reaches everybody. */
const ALONE = 300;

/** A new shape replaces the one before. */
export function redraw(cluster: Cluster): void {
  const { network, random } = cluster;
  const shape = SHAPES[random.below(SHAPES.length)] ?? "mended";
  const nodes = [...cluster.nodes.keys()];
  const chosen = nodes[random.below(nodes.length)];
  network.mendAll();
  if (shape === "mended" || chosen === undefined || !cluster.faults.strikes(shape)) return;
  if (shape !== "partition constrained") return cutAs(cluster, shape, chosen);
  cutAllBut(cluster, (from, to) => from !== chosen && to !== chosen);
  cluster.scheduler.after(ALONE, () => {
    if (cluster.isCalm) return;
    network.mendAll();
    hub(cluster, chosen);
  });
}

/** Only `center` reaches the others, and they only it (N6). */
export function hub(cluster: Cluster, center: NodeId): void {
  cutAllBut(cluster, (from, to) => from === center || to === center);
}

/** Each node reaches its neighbours in `order` only (N8). */
export function chain(cluster: Cluster, order: readonly NodeId[]): void {
  cutAllBut(cluster, (from, to) => Math.abs(order.indexOf(from) - order.indexOf(to)) === 1);
}

/** Cuts every link that is not to be kept. */
export function cutAllBut(cluster: Cluster, keeps: (from: NodeId, to: NodeId) => boolean): void {
  for (const from of cluster.nodes.keys()) {
    for (const to of cluster.nodes.keys()) {
      if (from !== to && !keeps(from, to)) cluster.network.cut(from, to);
    }
  }
}

function cutAs(cluster: Cluster, shape: Shape, chosen: NodeId): void {
  const { random } = cluster;
  const nodes = [...cluster.nodes.keys()];
  const side = new Map(nodes.map((id) => [id, random.below(2)]));
  switch (shape) {
    case "partition symmetric":
      return cutAllBut(cluster, (from, to) => side.get(from) === side.get(to));
    case "partition one-way":
      return cutAllBut(cluster, (from, to) => side.get(from) === 1 || side.get(to) === 0);
    case "partition send-only":
      return cutAllBut(cluster, (_from, to) => to !== chosen);
    case "partition receive-only":
      return cutAllBut(cluster, (from) => from !== chosen);
    case "partition quorum loss":
      return hub(cluster, chosen);
    case "partition chained":
      return chain(cluster, nodes);
    default:
      return cutAllBut(cluster, () => random.below(3) !== 0);
  }
}

/** One link goes and comes, several times. */
export function flap(cluster: Cluster): void {
  const { network, random, scheduler, faults } = cluster;
  const [from, to] = [cluster.anyNode().id, cluster.anyNode().id];
  if (from === to || !faults.strikes("flapping link")) return;
  for (let turn = 0; turn < 8; turn += 1) {
    const start = turn * 2 * (5 + random.below(40));
    scheduler.after(start, () => {
      if (!cluster.isCalm) network.clog(from, to);
    });
    scheduler.after(start + 1 + random.below(40), () => network.unclog(from, to));
  }
}

/** Nodes are clogged one by one and come back one by one, in another order. */
export function swizzle(cluster: Cluster): void {
  const { random, scheduler, faults } = cluster;
  if (!faults.strikes("swizzle")) return;
  const some = [...cluster.nodes.keys()].filter(() => random.below(2) === 0);
  const back = shuffled(some, random);
  const step = 1 + random.below(60);
  some.forEach((id, turn) => scheduler.after(turn * step, () => setClogged(cluster, id, true)));
  back.forEach((id, turn) =>
    scheduler.after((some.length + turn) * step, () => setClogged(cluster, id, false)),
  );
}

function setClogged(cluster: Cluster, id: NodeId, clogged: boolean): void {
  if (clogged && cluster.isCalm) return;
  for (const other of cluster.nodes.keys()) {
    if (other === id) continue;
    for (const [from, to] of [
      [id, other],
      [other, id],
    ] as const) {
      if (clogged) cluster.network.clog(from, to);
      else cluster.network.unclog(from, to);
    }
  }
}

function shuffled<Value>(values: readonly Value[], random: Random): Value[] {
  return values
    .map((value) => ({ value, at: random.u32() }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ value }) => value);
}
