/**
 * After the storm of whole nodes: a set that holds a quorum is healed, the rest stays dead for ever. The
 * core has to finish all work within a bound, and its nodes to agree; then the clients' history is
 * judged.
 */
import type { Random } from "../../../src/base/random.ts";
import { StartRefused } from "../../../src/node/start-refused.ts";
import type { NodeCluster } from "../../support/node-cluster.ts";
import type { SimulatedNode } from "../../support/simulated-node.ts";
import { Violation } from "../../support/violation.ts";
import type { FaultLedger } from "../fault-ledger.ts";
import { codeOf } from "./clients/client-connection.ts";
import type { Clients } from "./clients/clients.ts";
import { type FinalState, readAll, textOf } from "./clients/final-state.ts";
import { judge } from "./clients/judge.ts";
import type { Nemesis } from "./node-nemesis.ts";

export interface CalmParts {
  readonly cluster: NodeCluster;
  readonly clients: Clients;
  readonly nemesis: Nemesis;
  readonly random: Random;
  readonly ledger: FaultLedger;
  readonly electionTimeoutMs: number;
  /** Nodes that refused to start, and why. */
  readonly refused: Map<SimulatedNode, unknown>;
  /** Throws what was noticed where nobody could throw. */
  readonly look: () => void;
  /** Writes an event into the trace. */
  readonly note: (host: number, event: string, number: number, about: string) => void;
}

/** Liveness bounds, in milliseconds of virtual time after healing. */
const LEADER_WITHIN_MS = 6_000;
const DONE_WITHIN_MS = 30_000;
const QUIET_TRIES = 6;

export class Calm {
  readonly #parts: CalmParts;
  /** Who lives on after healing; empty before. */
  #core: ReadonlySet<SimulatedNode> = new Set();

  constructor(parts: CalmParts) {
    this.#parts = parts;
  }

  /** Throws Violation. */
  async run(): Promise<void> {
    const { cluster, clients, nemesis, ledger, electionTimeoutMs } = this.#parts;
    nemesis.end();
    cluster.mend();
    cluster.setNetwork({});
    for (const node of cluster.nodes) node.speed = { disk: () => 0, machine: () => 0 };
    const core = await this.#heal();
    this.#parts.note(0, "heal", core.length, core.map(({ name }) => name).join());
    const healed = cluster.scheduler.now;
    await this.#until("V: a leader is elected", LEADER_WITHIN_MS, () => this.#membersAsLed());
    const timeouts = Math.floor((cluster.scheduler.now - healed) / electionTimeoutMs);
    ledger.reached(`leader after ${timeouts} timeouts`);
    clients.calm();
    await this.#until("V: all operations end", DONE_WITHIN_MS, () => clients.working === 0 || null);
    const staying = await this.#until("V: the members are ready", DONE_WITHIN_MS, () =>
      this.#readyMembers(core),
    );
    for (const node of staying) await this.#write(node);
    const final = await this.#agree(staying);
    this.#parts.look();
    judge(clients, final);
  }

  /** Chooses who lives on, and sees that the others never come back. */
  async #heal(): Promise<readonly SimulatedNode[]> {
    const { cluster, nemesis, random } = this.#parts;
    const { nodes } = cluster;
    const needsAll = nemesis.rotten !== null || nemesis.changedMembers || random.below(2) === 0;
    const quorum = Math.floor(nodes.length / 2) + 1;
    const core = new Set(nodes);
    while (!needsAll && core.size > quorum) {
      const left = [...core];
      const [gone] = left.splice(random.below(left.length), 1);
      if (gone !== undefined) core.delete(gone);
    }
    for (const node of nodes) {
      if (core.has(node) || nemesis.isMoving(node)) continue;
      if (node.isUp) await cluster.crash(node.name);
    }
    this.#core = core;
    for (const node of core) nemesis.start(node);
    await this.#until(
      "V: nodes start",
      DONE_WITHIN_MS,
      () => !nodes.some((node) => nemesis.isMoving(node)) || null,
    );
    for (const node of nodes) if (!core.has(node) && node.isUp) await cluster.crash(node.name);
    return [...core].filter((node) => this.#mayServe(node));
  }

  /** As an operator would: what gave up, or had been told to stop, runs again. */
  async #supervise(node: SimulatedNode): Promise<void> {
    const { nemesis, refused } = this.#parts;
    await nemesis.replaceBroken(node);
    if (node.isUp) refused.delete(node);
    else if (!refused.has(node)) nemesis.start(node);
  }

  /** A node that refused to start for what was done to its disk is lost; any other one must be there. */
  #mayServe(node: SimulatedNode): boolean {
    if (node.isUp) return true;
    const error = this.#parts.refused.get(node);
    if (node === this.#parts.nemesis.rotten && error instanceof StartRefused) return false;
    throw new Violation(
      "V: a node starts on what its disk holds",
      node.name,
      error instanceof Error ? error.message : "is down",
    );
  }

  #membersAsLed(): readonly string[] | null {
    const { leader } = this.#parts.cluster;
    return leader === null ? null : leader.running.status().members.map(({ id }) => id);
  }

  /** Those of the core that are members by now, once they all serve. */
  #readyMembers(core: readonly SimulatedNode[]): readonly SimulatedNode[] | null {
    const members = this.#membersAsLed() ?? [];
    const staying = core.filter(({ name }) => members.includes(name));
    const ready = staying.every((node) => node.isUp && node.source.readiness().ready);
    return ready && staying.length > 0 ? staying : null;
  }

  /** What everybody holds. Commands of those who died may still be decided, so it is asked a few times. */
  async #agree(core: readonly SimulatedNode[]): Promise<FinalState> {
    for (let left = QUIET_TRIES; ; left -= 1) {
      const states = await this.#readEverywhere(core);
      const texts = states.map(([node, state]) => `${node.name}: ${textOf(state)}`);
      const [first] = states;
      const other = states.find(
        ([, state]) => first !== undefined && textOf(state) !== textOf(first[1]),
      );
      if (first === undefined)
        throw new Violation("V: somebody serves", "nobody is left", this.#states());
      if (other === undefined) {
        await this.#agreeInside(states.map(([node]) => node));
        return first[1];
      }
      if (left === 0)
        throw new Violation("H: all nodes hold the same", texts.join("; "), this.#states());
      await this.#pass(500);
    }
  }

  async #readEverywhere(core: readonly SimulatedNode[]): Promise<[SimulatedNode, FinalState][]> {
    const states: [SimulatedNode, FinalState][] = [];
    for (const node of core) {
      const state = await this.#readAll(node);
      if (state !== null) states.push([node, state]);
    }
    return states;
  }

  /** A cluster that answers nothing but reads is stuck as well. */
  async #write(node: SimulatedNode): Promise<void> {
    const { cluster, clients } = this.#parts;
    const until = cluster.scheduler.now + DONE_WITHIN_MS;
    for (;;) {
      const outcome = await cluster.complete(clients.enterThrough(node));
      if (outcome === "ok" || this.#membersAsLed()?.includes(node.name) === false) return;
      if (cluster.scheduler.now >= until)
        throw new Violation(
          "V: a write is acknowledged",
          `${node.name}: ${outcome}`,
          this.#states(),
        );
      await this.#pass(100);
    }
  }

  async #agreeInside(nodes: readonly SimulatedNode[]): Promise<void> {
    const members = this.#membersAsLed() ?? [];
    const names = nodes.map(({ name }) => name).filter((name) => members.includes(name));
    await this.#parts.cluster.agree(...names);
  }

  /** As a client does: tries again while there is no leader. Null: the node was removed meanwhile. */
  async #readAll(node: SimulatedNode): Promise<FinalState | null> {
    const { cluster } = this.#parts;
    const until = cluster.scheduler.now + DONE_WITHIN_MS;
    for (;;) {
      try {
        return await readAll(cluster, await cluster.connect(node.name));
      } catch (error) {
        if (codeOf(error) === "57P03" && cluster.scheduler.now < until) continue;
        if (this.#membersAsLed()?.includes(node.name) === false) return null;
        throw new Violation(
          "V: a read is answered",
          node.name,
          `${String(error)}\n${this.#states()}`,
        );
      }
    }
  }

  async #until<Result>(what: string, withinMs: number, look: () => Result | null): Promise<Result> {
    const { cluster } = this.#parts;
    const until = cluster.scheduler.now + withinMs;
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (cluster.scheduler.now >= until) {
        throw new Violation(what, `not so ${withinMs} ms after healing`, this.#states());
      }
      await cluster.pass(10);
      for (const node of this.#core) await this.#supervise(node);
      this.#parts.look();
    }
  }

  async #pass(milliseconds: number): Promise<void> {
    const { cluster, look } = this.#parts;
    const until = cluster.scheduler.now + milliseconds;
    while (cluster.scheduler.now < until) {
      await cluster.pass(Math.min(100, until - cluster.scheduler.now));
      look();
    }
  }

  #states(): string {
    return this.#parts.cluster.nodes
      .map((node) => {
        if (!node.isUp) return `${node.name} down`;
        const {
          node: self,
          leader,
          chosenIndex,
          appliedIndex,
          truncationFloor,
          ballot,
          members,
        } = node.running.status();
        const voters = members.map(
          ({ id, voter, match }) => `${id}${voter ? "" : "?"}:${match ?? ""}`,
        );
        const { ready, reason } = node.source.readiness();
        return `${node.name} ${self.role} of ${leader?.id} ${ballot} ${truncationFloor}/${appliedIndex}/${chosenIndex} [${voters.join(" ")}] ${ready ? "ready" : reason} ${node.failure?.message ?? ""}`;
      })
      .join("\n   ");
  }
}
