/** What the nemesis can do to the network between nodes, however it is done. */
import type { NodePlace } from "../../support/cluster/cluster-node.ts";
import type { FlowRules } from "./flow.ts";

/** What the user-space proxy can do beyond losing packets. */
export interface FineNetwork {
  /** The rules for what `from` sends to `to`. */
  rules(from: string, to: string): FlowRules;
  apply(): void;
  reset(one: string, other: string): void;
  readonly counts: { readonly cuts: number; readonly flips: number };
}

export interface ChaosNetwork {
  readonly kind: "proxy" | "namespaces";
  /** Where a new node is to run. */
  place(name: string): Promise<NodePlace>;
  /** Loses everything that `from` sends to `to`, until healed. */
  block(from: string, to: string): Promise<void>;
  unblock(from: string, to: string): Promise<void>;
  heal(): Promise<void>;
  /** Null: it can lose packets, nothing finer. */
  readonly fine: FineNetwork | null;
  close(): Promise<void>;
}
