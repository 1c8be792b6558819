/** Deliberate defects around a node: what the oracles must notice. */
import type { PersistRecord } from "../../../src/paxos/effects.ts";
import type { InitialState } from "../../../src/paxos/log.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { PaxosNode } from "../../support/paxos-node.ts";

/** Wraps what enters or leaves a node. */
export interface Mutant {
  /** Replaces a message on its way in; several, or none, may be delivered instead. */
  readonly deliver?: (
    node: PaxosNode,
    from: NodeId,
    message: Message,
  ) => readonly [NodeId, Message][];
  /** True: the core is told at once that what it wrote is durable. */
  readonly liesAboutSync?: (records: readonly PersistRecord[]) => boolean;
  /** Replaces what a node starts from after a crash. */
  readonly recover?: (initial: InitialState) => InitialState;
  /** True: the node answers reads from what it knows. */
  readonly readsLocally?: boolean;
}
