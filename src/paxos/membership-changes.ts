/** What a leader does when it is asked to change the membership, or sees that a learner is ready. */
import { checkChange } from "./change.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Confirmations } from "./confirmations.ts";
import type { MembershipChange } from "./inputs.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Proposer } from "./proposer.ts";
import { readyLearner } from "./succession.ts";

/** A leader's own objects; `confirmations` is null until it is elected. */
export interface Leadership {
  readonly proposer: Proposer | null;
  readonly confirmations: Confirmations | null;
}

/** Changes that the leader makes by itself are answered to nobody. */
const OWN_CHANGE_ID = 0;

export class MembershipChanges {
  readonly #config: ReplicaConfig;
  readonly #log: Log;
  readonly #outbox: Outbox;

  constructor(config: ReplicaConfig, log: Log, outbox: Outbox) {
    this.#config = config;
    this.#log = log;
    this.#outbox = outbox;
  }

  /** Proposes the change, or answers why not. One at a time, and only by a leader that has repaired. */
  propose(leadership: Leadership, id: number, change: MembershipChange): void {
    const { proposer, confirmations } = leadership;
    if (proposer === null || confirmations === null) {
      return this.#refuse(id, "this node does not lead");
    }
    if (proposer.isChanging || !proposer.isReadable) {
      return this.#refuse(id, "another membership change is under way: try again in a moment");
    }
    const newest = this.#log.newest.membership;
    const checked = checkChange(newest, change, confirmations.reachable());
    if (checked.kind === "refused") return this.#refuse(id, checked.reason);
    proposer.change(id, checked.membership);
  }

  /** A learner-only node that has caught up gets its vote. */
  promoteReady(leadership: Leadership): void {
    const { proposer, confirmations } = leadership;
    if (proposer === null || confirmations === null) return;
    if (proposer.isChanging || !proposer.isReadable) return;
    const id = readyLearner(this.#config, this.#log, confirmations);
    if (id !== null) this.propose(leadership, OWN_CHANGE_ID, { kind: "promote", id });
  }

  #refuse(id: number, reason: string): void {
    this.#outbox.answerMembership({ id, kind: "refused", reason });
  }
}
