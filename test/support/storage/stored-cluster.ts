/**
 * Three stored nodes and the network between them, in rounds: in each, every running node takes one
 * tick and what arrived, and what it says arrives with the next. Its disk is as fast as that.
 *
 * It watches, in every round, what must hold whatever is broken:
 * - no value: what was chosen before the damage is what any node takes as chosen in its slot, and
 *   no two nodes take different values as chosen;
 * - no gap: slots go to the state machine one after the other (note-machine.ts);
 * - no read: no reader is given an index that misses what was acknowledged.
 */
import type { Effects } from "../../../src/paxos/effects.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import { type Entry, nodeId } from "../../../src/paxos/types.ts";
import { type NodeFiles, StoredNode } from "./stored-node.ts";

/** What was chosen, by slot: the kind and the payload as text. */
export type ChosenValues = ReadonlyMap<number, string>;

export class StoredCluster {
  readonly #nodes = new Map<number, StoredNode>();
  /** By node: why it did not start, or stopped. */
  readonly refusals = new Map<number, string>();
  /** What must not be, in words. */
  readonly violations: string[] = [];
  readonly #values: Map<number, string>;
  /** Reads must see everything up to here. */
  readonly #acknowledged: number;
  #reads = 0;
  #readsAnswered = 0;
  /** Pairs of nodes that do not hear each other. */
  readonly #cut = new Set<string>();

  constructor(before: ChosenValues = new Map()) {
    this.#values = new Map(before);
    this.#acknowledged = Math.max(0, ...before.keys());
  }

  /** Starts a node; one that refuses is noted in `refusals`. */
  async start(parts: NodeFiles): Promise<void> {
    try {
      const node = await StoredNode.start(parts);
      this.#nodes.set(parts.id, node);
      for (const entry of node.storage.initial.entries) {
        // What it counts as chosen at once must be what was chosen.
        if (entry.slot <= node.storage.initial.chosenIndex) this.#takeChosen(node, entry);
      }
    } catch (error) {
      this.#fail(parts.id, error);
    }
  }

  get running(): readonly StoredNode[] {
    return [...this.#nodes.values()];
  }

  get values(): ChosenValues {
    return this.#values;
  }

  /** How many reads got an index. */
  get readsAnswered(): number {
    return this.#readsAnswered;
  }

  node(id: number): StoredNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`n${id} does not run`);
    return node;
  }

  leader(): StoredNode | undefined {
    return this.running.find((node) => node.replica.status().role === "leader");
  }

  /** `id` is asked to campaign. */
  campaign(id: number): void {
    const node = this.node(id);
    const { ballot } = node.replica.status();
    node.input({ kind: "message", from: nodeId(id), message: { kind: "handOver", ballot } });
  }

  propose(id: number, ...commands: readonly string[]): void {
    const bytes = commands.map((command) => new Uint8Array(Buffer.from(command)));
    this.node(id).input({ kind: "propose", commands: bytes });
  }

  /** Every running node is asked for a read index. */
  read(): void {
    for (const node of this.running) {
      this.#reads += 1;
      node.input({ kind: "read", id: this.#reads });
    }
  }

  cutOff(id: number): void {
    for (const other of [1, 2, 3]) {
      this.#cut.add(`${id} ${other}`);
      this.#cut.add(`${other} ${id}`);
    }
  }

  /** One round. */
  async round(): Promise<void> {
    const said: (readonly [StoredNode, Effects])[] = [];
    for (const node of this.running) {
      node.input({ kind: "tick" });
      try {
        said.push([node, node.turn()]);
      } catch (error) {
        this.violations.push(`n${node.id} failed: ${String(error)}`);
        this.#fail(node.id, error);
      }
    }
    for (const node of this.running) {
      await node.flushed().catch((error: unknown) => this.#fail(node.id, error));
    }
    for (const [node, effects] of said) await this.#carryOut(node, effects);
  }

  /** Rounds until `done`; false: not within `rounds`. */
  async until(rounds: number, done: () => boolean): Promise<boolean> {
    for (let left = rounds; left > 0; left -= 1) {
      await this.round();
      if (done()) return true;
    }
    return false;
  }

  async #carryOut(node: StoredNode, effects: Effects): Promise<void> {
    for (const { to, message } of effects.send) {
      for (const id of to) this.#deliver(node, id, message);
    }
    for (const entry of effects.chosen) this.#takeChosen(node, entry);
    for (const { index } of effects.readIndexes) {
      if (index === null) continue;
      this.#readsAnswered += 1;
      if (index < this.#acknowledged) {
        this.violations.push(
          `n${node.id} reads at ${index}, ${this.#acknowledged} was acknowledged`,
        );
      }
    }
    const source = effects.needSnapshotFrom;
    const peer = source === null ? undefined : this.#nodes.get(source);
    if (peer !== undefined) await node.install(peer);
  }

  #deliver(from: StoredNode, to: number, message: Message): void {
    if (this.#cut.has(`${from.id} ${to}`)) return;
    this.#nodes.get(to)?.input({ kind: "message", from: from.id, message });
  }

  #takeChosen(node: StoredNode, entry: Entry): void {
    const text = textOf(entry);
    const known = this.#values.get(entry.slot);
    if (known === undefined) this.#values.set(entry.slot, text);
    else if (known !== text) {
      this.violations.push(
        `n${node.id} has ${short(text)} as chosen in slot ${entry.slot}, where ${short(known)} was chosen`,
      );
    }
  }

  #fail(id: number, error: unknown): void {
    this.refusals.set(id, error instanceof Error ? error.message : String(error));
    this.#nodes.delete(id);
  }
}

export function textOf({ value }: Entry): string {
  return `${value.kind}:${Buffer.from(value.payload).toString("latin1")}`;
}

function short(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
