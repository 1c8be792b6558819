/**
 * Has the log close the sessions of gateways that nobody hears: what their clients hold becomes
 * free, and their transactions can never commit any more. Only the leader does so, and only after
 * its own ticks; a member that comes back opens a new session.
 *
 * That a member is only cut off and not dead does no harm: its session is closed by the log, where
 * its commands go too, and those that come after that never run.
 */
import type { Clock } from "../base/clock.ts";
import { encodeCommand } from "../machine/command.ts";
import { endOfSlot } from "../machine/state-file.ts";
import type { CommandReport } from "../machine/state-machine.ts";
import type { NodeId } from "../paxos/types.ts";
import type { Node } from "./node.ts";
import { TICK_MS } from "./replica-config.ts";

export interface SessionWatchParts {
  readonly node: Pick<Node, "status" | "self" | "applier" | "input">;
  readonly clock: Clock;
  /** How long a member may be silent. */
  readonly timeoutMs: number;
}

/** Nothing came of a proposal for this long: it is made again. */
const RETRY_MS = 1_000;

export class SessionWatch {
  readonly #parts: SessionWatchParts;
  /** Members of the newest membership and of those before it. */
  readonly #seen = new Set<NodeId>();
  /** Silent ones whose sessions are closed, or were told to be at that time. */
  readonly #told = new Map<NodeId, "closed" | number>();

  constructor(parts: SessionWatchParts) {
    this.#parts = parts;
  }

  /** Called now and then. */
  check(): void {
    const { node } = this.#parts;
    const { role, memberships, progress } = node.status;
    const members = new Set(memberships.at(-1)?.membership.members.map(({ id }) => id));
    for (const id of members) this.#seen.add(id);
    if (role !== "leader") return this.#told.clear();
    for (const id of this.#seen) {
      if (id === node.self) continue;
      const heardMs = (progress.get(id)?.ticksSinceHeard ?? 0) * TICK_MS;
      if (members.has(id) && heardMs < this.#parts.timeoutMs) this.#told.delete(id);
      else this.#tell(id);
    }
  }

  /** A command was applied. */
  applied({ outcome }: CommandReport): void {
    if (outcome.kind !== "sessionClosed") return;
    for (const id of this.#told.keys()) if (id === outcome.node) this.#told.set(id, "closed");
  }

  #tell(id: NodeId): void {
    const { node, clock } = this.#parts;
    const told = this.#told.get(id);
    const nowMs = clock.monotonicMs();
    if (told === "closed" || (told !== undefined && nowMs - told < RETRY_MS)) return;
    this.#told.set(id, nowMs);
    const upTo = endOfSlot(node.applier.appliedIndex);
    const command = encodeCommand({ kind: "closeSession", node: id, upTo });
    node.input({ kind: "propose", commands: [command] });
  }
}
