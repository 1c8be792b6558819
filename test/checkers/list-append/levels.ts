/**
 * Which anomaly refutes which level. After Adya's thesis, with the names of the checker Elle.
 *
 *     read-uncommitted < read-committed < snapshot-isolation < serializable
 *                        read-committed < repeatable-read    < serializable
 *
 * | anomaly                                               | weakest levels that forbid it          |
 * | G0, duplicate-elements, unexpected-element            | read-uncommitted                       |
 * | incompatible-order                                    | read-uncommitted; read-committed if it |
 * |                                                       | may come from an aborted transaction   |
 * | G1a, G1b, G1c, dirty-update                           | read-committed                         |
 * | internal, lost-update, G-single, G-nonadjacent        | snapshot-isolation and repeatable-read |
 * | G2-item                                               | repeatable-read                        |
 *
 * An unknown transaction of which anything was seen counts as committed. That holds from read-committed
 * on; a database that only promises read-uncommitted may have undone it afterwards.
 *
 * A cycle that needs the order in which one process did things (-process), or the order of things
 * that did not overlap in time (-realtime), refutes only levels that keep that order: strong-session-…,
 * or strong-…. Strict serializability is "strong-serializable".
 */
export type Isolation =
  | "read-uncommitted"
  | "read-committed"
  | "snapshot-isolation"
  | "repeatable-read"
  | "serializable";

/** Which order of its own, beside the dependencies, a level keeps; each includes those before it. */
export const ORDERS = ["plain", "process", "realtime"] as const;
export type Order = (typeof ORDERS)[number];

export type Level = Isolation | `strong-session-${Isolation}` | `strong-${Isolation}`;

export type CycleName = "G0" | "G1c" | "G-single" | "G-nonadjacent" | "G2-item";

export type AnomalyName =
  | CycleName
  | `${CycleName}-process`
  | `${CycleName}-realtime`
  | "G1a"
  | "G1b"
  | "dirty-update"
  | "internal"
  | "lost-update"
  | "duplicate-elements"
  | "unexpected-element"
  | "incompatible-order";

export interface Anomaly {
  readonly name: AnomalyName;
  readonly explanation: string;
  readonly refutes: readonly Level[];
}

const ALL = ["read-uncommitted"] as const;
const COMMITTED = ["read-committed"] as const;
const SNAPSHOT_OR_REPEATABLE = ["snapshot-isolation", "repeatable-read"] as const;

const FROM: Readonly<Record<Isolation, readonly Isolation[]>> = {
  "read-uncommitted": [
    "read-uncommitted",
    "read-committed",
    "snapshot-isolation",
    "repeatable-read",
    "serializable",
  ],
  "read-committed": ["read-committed", "snapshot-isolation", "repeatable-read", "serializable"],
  "snapshot-isolation": ["snapshot-isolation", "serializable"],
  "repeatable-read": ["repeatable-read", "serializable"],
  serializable: ["serializable"],
};

const WEAKEST: Readonly<Record<CycleName, readonly Isolation[]>> = {
  G0: ALL,
  G1c: COMMITTED,
  "G-single": SNAPSHOT_OR_REPEATABLE,
  "G-nonadjacent": SNAPSHOT_OR_REPEATABLE,
  "G2-item": ["repeatable-read"],
};

/** Weakest levels that anomalies without a cycle refute. */
export const REFUTED_BY = {
  "duplicate-elements": ALL,
  "unexpected-element": ALL,
  "incompatible-order": ALL,
  G1a: COMMITTED,
  G1b: COMMITTED,
  "dirty-update": COMMITTED,
  internal: SNAPSHOT_OR_REPEATABLE,
  "lost-update": SNAPSHOT_OR_REPEATABLE,
} as const;

export function cycleName(name: CycleName, order: Order): AnomalyName {
  return order === "plain" ? name : `${name}-${order}`;
}

export function cycleAnomaly(name: CycleName, order: Order, explanation: string): Anomaly {
  return {
    name: cycleName(name, order),
    explanation,
    refutes: levelsFrom(WEAKEST[name], order),
  };
}

/** All levels that are at least as strong as one of the weakest. */
export function levelsFrom(weakest: readonly Isolation[], order: Order): readonly Level[] {
  const isolations = new Set(weakest.flatMap((isolation) => FROM[isolation]));
  const orders = ORDERS.slice(ORDERS.indexOf(order));
  return orders.flatMap((kept) => [...isolations].map((isolation) => levelOf(isolation, kept)));
}

function levelOf(isolation: Isolation, order: Order): Level {
  switch (order) {
    case "plain":
      return isolation;
    case "process":
      return `strong-session-${isolation}`;
    case "realtime":
      return `strong-${isolation}`;
  }
}
