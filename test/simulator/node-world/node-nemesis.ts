/**
 * What goes wrong with whole nodes, and when: each class of fault comes at its own pace. A disk rots
 * on one node only, so that every chosen entry has an intact copy in some quorum and nothing may be
 * lost; all else may strike everybody.
 */
import type { Random } from "../../../src/base/random.ts";
import { MachineError } from "../../../src/machine/machine-error.ts";
import type { Envelope } from "../../support/memory-transport.ts";
import type { NodeCluster } from "../../support/node-cluster.ts";
import type { SimulatedNode } from "../../support/simulated-node.ts";
import type { FaultLedger } from "../fault-ledger.ts";
import type { Clients } from "./clients/clients.ts";
import type { NodeWeather } from "./node-weather.ts";

export interface NemesisParts {
  readonly cluster: NodeCluster;
  readonly clients: Clients;
  readonly random: Random;
  readonly ledger: FaultLedger;
  readonly weather: NodeWeather;
  /** Told of a start that ended badly. */
  readonly startFailed: (node: SimulatedNode, error: unknown) => void;
  /** Told why a running node gave up. */
  readonly gaveUp: (node: SimulatedNode, error: Error) => void;
}

const WAL = "/data/wal";
const NODES_MAX = 7;
const REPLAYED_MAX = 64;

export class Nemesis {
  readonly #parts: NemesisParts;
  readonly #starting = new Set<SimulatedNode>();
  /** Processes that were told to stop. */
  readonly #stopping = new WeakSet<object>();
  readonly #removed = new Set<string>();
  readonly #old: Envelope[] = [];
  #rotten: SimulatedNode | null = null;
  #over = false;
  #joins = 0;
  #joined = 0;
  #changes = 0;

  constructor(parts: NemesisParts) {
    this.#parts = parts;
  }

  /** The node whose disk rotted, if one did. */
  get rotten(): SimulatedNode | null {
    return this.#rotten;
  }

  /** Whether anybody asked for another membership. */
  get changedMembers(): boolean {
    return this.#changes > 0;
  }

  /** Membership changes that are still under way. */
  get pending(): number {
    return this.#joins;
  }

  begin(): void {
    const { weather, cluster, random } = this.#parts;
    this.#every(weather.crashEveryMs, () => this.#kill(this.#anyUp(), "process"));
    this.#every(weather.stopEveryMs, () => this.#stop(this.#anyUp()));
    this.#every(weather.powerLossEveryMs, () => this.#kill(this.#anyUp(), "power loss"));
    this.#every(weather.powerLossAllEveryMs, () => this.#loseAllPower());
    this.#every(weather.partitionEveryMs, () => this.#partition());
    this.#every(weather.pauseEveryMs, () => this.#pause(this.#anyUp()));
    this.#every(weather.diskFaultEveryMs, () => this.#breakDisk(this.#anyUp()));
    this.#every(weather.memberEveryMs, () => this.#changeMembers());
    this.#every(weather.rotEveryMs, () => this.#rot());
    this.#every(weather.replayEveryMs, () => {
      const envelope = this.#old[random.below(Math.max(1, this.#old.length))];
      if (envelope !== undefined && this.#strikes("replay")) this.#deliverAgain(envelope);
    });
    this.#every(20, () => this.#endBroken());
    for (const node of cluster.nodes) this.prepare(node);
  }

  /** Gives a node its speed and its clocks. */
  prepare(node: SimulatedNode): void {
    const { random, weather } = this.#parts;
    const syncMs = pick(random, weather.syncMs);
    const applyMs = pick(random, weather.applyMs);
    const rate = pick(random, weather.clockRates);
    const skewMicros = weather.skewMs * 1000 * (random.below(3) - 1);
    node.speed = {
      disk: (operation) => (operation === "sync" ? random.below(syncMs + 1) : 0),
      machine: (call) => (call === "apply" ? random.below(applyMs + 1) : 0),
    };
    // Nodes disagree, and each clock jumps now and then.
    node.clockFaults = { rate, skewMicros: (now) => skewMicros * (Math.floor(now / 700) % 3) };
    if (syncMs >= 100) this.#strikes("slow disk");
    if (applyMs >= 100) this.#strikes("slow machine");
    if (rate !== 1) this.#strikes("clock rate");
    if (skewMicros !== 0) this.#strikes("clock skew");
  }

  /** The network asks for every message: a bit of it may flip, and it is kept to come again. */
  tamper(envelope: Envelope): Envelope {
    const { random, weather } = this.#parts;
    if (this.#over) return envelope;
    if (weather.replayEveryMs > 0 && random.below(8) === 0) this.#keep(envelope);
    const flips = random.below(1000) < weather.corruptPermille && this.#strikes("corrupt frame");
    if (!flips) return envelope;
    const bytes = envelope.bytes.slice();
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return { ...envelope, bytes };
  }

  /** Nothing more goes wrong; what is under way ends by itself. */
  end(): void {
    this.#over = true;
    for (const node of this.#parts.cluster.nodes) {
      node.machineFault = null;
      node.disk.heal();
      node.resume();
    }
  }

  /** Ends a process that gave up and starts another, as an operator would. */
  async replaceBroken(node: SimulatedNode): Promise<void> {
    if (!node.isUp || node.failure === null) return;
    this.#parts.gaveUp(node, node.failure);
    await this.#parts.cluster.crash(node.name);
    this.start(node);
  }

  /** Starts a node that is down. */
  start(node: SimulatedNode): void {
    if (node.isUp || this.#starting.has(node)) return;
    this.#starting.add(node);
    node
      .start()
      .catch((error: unknown) => this.#parts.startFailed(node, error))
      .finally(() => this.#starting.delete(node));
  }

  /** Whether a process begins or ends there. */
  isMoving(node: SimulatedNode): boolean {
    return this.#starting.has(node) || (node.isUp && this.#stopping.has(node.life));
  }

  #strikes(fault: string): boolean {
    return this.#parts.ledger.strikes(fault);
  }

  /** Every so many milliseconds until it is over; 0: never. */
  #every(milliseconds: number, action: () => void): void {
    if (milliseconds === 0) return;
    const { cluster, random } = this.#parts;
    cluster.scheduler.after(1 + random.below(2 * milliseconds), () => {
      if (this.#over) return;
      action();
      this.#every(milliseconds, action);
    });
  }

  #anyUp(): SimulatedNode | null {
    const { up } = this.#parts.cluster;
    return up.length === 0 ? null : pick(this.#parts.random, up);
  }

  #kill(node: SimulatedNode | null, how: "process" | "power loss"): void {
    if (node === null || !node.isUp || !this.#strikes(how === "process" ? "kill" : how)) return;
    void this.#end(node, how);
  }

  /** As an operator does it; what strikes meanwhile strikes a process that is stopping. */
  #stop(node: SimulatedNode | null): void {
    if (node === null || !node.isUp || node.isPaused || node.failure !== null) return;
    if (!this.#strikes("stop")) return;
    const { life } = node;
    this.#stopping.add(life);
    const stopped = (): void => {
      if (!node.isUp) this.#startLater(node);
    };
    // A disk that fails while the node stops ends it all the same.
    node.stop().then(stopped, () => {
      if (node.isUp && node.life === life) void this.#end(node, "process");
    });
  }

  async #end(node: SimulatedNode, how: "process" | "power loss"): Promise<void> {
    const { cluster } = this.#parts;
    await cluster.crash(node.name, how === "process" ? "process" : "powerLoss");
    this.#startLater(node);
  }

  #startLater(node: SimulatedNode): void {
    const { cluster, random, weather } = this.#parts;
    if (this.#removed.has(node.name)) return;
    cluster.scheduler.after(1 + random.below(weather.downMs), () => {
      if (!this.#over) this.start(node);
    });
  }

  #loseAllPower(): void {
    if (!this.#strikes("power loss everywhere")) return;
    for (const node of this.#parts.cluster.up) void this.#end(node, "power loss");
  }

  /** A node that gave up is ended as its process would end it, or loses its power on the way. */
  #endBroken(): void {
    for (const node of this.#parts.cluster.up) {
      if (node.failure === null) continue;
      this.#parts.gaveUp(node, node.failure);
      void this.#end(node, this.#parts.random.below(2) === 0 ? "process" : "power loss");
    }
  }

  #pause(node: SimulatedNode | null): void {
    if (node === null || node.isPaused || !this.#strikes("pause")) return;
    const { cluster, random, weather } = this.#parts;
    const { life } = node;
    node.pause();
    cluster.scheduler.after(1 + random.below(2 * weather.pauseMs), () => {
      if (node.isUp && node.life === life) node.resume();
    });
  }

  /** The next matching call of the disk or the state machine fails: the node must give up. */
  #breakDisk(node: SimulatedNode | null): void {
    if (node === null) return;
    const { random, cluster } = this.#parts;
    const { life } = node;
    switch (random.below(4)) {
      case 0:
        if (this.#strikes("EIO on the log"))
          node.disk.fail({ operation: "sync", path: "/wal/", code: "EIO" });
        return;
      case 1:
        if (this.#strikes("EIO on the state"))
          node.disk.fail({ operation: "sync", path: "state.", code: "EIO" });
        return;
      case 2:
        if (this.#strikes("disk full")) node.disk.limitGrowth(random.below(8 * 1024));
        return;
      default:
        if (!this.#strikes("machine fails")) return;
        node.machineFault = (call) => (call === "apply" ? new MachineError("disk full") : null);
        cluster.scheduler.after(300, () => {
          node.machineFault = null;
          if (node.isUp && node.life === life && node.failure !== null) {
            this.#parts.gaveUp(node, node.failure);
            void this.#end(node, "process");
          }
        });
    }
  }

  /** Draws a shape of cut links; one in three times all are mended. */
  #partition(): void {
    const { cluster, random, ledger } = this.#parts;
    const names = cluster.nodes.map(({ name }) => name);
    cluster.mend();
    if (random.below(3) === 0) return;
    const side = new Map(names.map((name) => [name, random.below(2)]));
    const hub = pick(random, names);
    const shapes: Readonly<Record<string, (from: string, to: string) => boolean>> = {
      "in two": (from, to) => side.get(from) !== side.get(to),
      "one way": (from, to) => side.get(from) === 0 && side.get(to) === 1,
      "to one only": (from, to) => from !== hub && to !== hub,
      "of single links": () => random.below(3) === 0,
    };
    const [shape, isCut] = pick(random, Object.entries(shapes));
    if (!ledger.strikes(`partition ${shape}`)) return;
    for (const from of names) {
      for (const to of names) if (from !== to && isCut(from, to)) cluster.cut(from, to);
    }
  }

  /** Bits of the log flip while the node is down. */
  #rot(): void {
    const { cluster, random } = this.#parts;
    const down = cluster.nodes.filter((node) => !node.isUp && !this.#starting.has(node));
    const victim = this.#rotten ?? down[0];
    if (victim === undefined || !down.includes(victim)) return;
    const segments = victim.disk
      .list(WAL)
      .filter((name) => victim.disk.contents(`${WAL}/${name}`).length > 0);
    if (segments.length === 0 || !this.#strikes("rotten log")) return;
    this.#rotten = victim;
    const path = `${WAL}/${pick(random, segments)}`;
    // Most of a segment is still empty: what is written is what a flipped bit can harm.
    const written = victim.disk.contents(path).findLastIndex((byte) => byte !== 0) + 1;
    victim.disk.flip(path, random.below(Math.max(1, written)), 1 << random.below(8));
  }

  #changeMembers(): void {
    const { cluster, random } = this.#parts;
    const via = this.#anyUp();
    if (via === null || via.isPaused) return;
    this.#changes += 1;
    const alive = cluster.nodes.filter(({ name }) => !this.#removed.has(name));
    if (alive.length < NODES_MAX && (alive.length <= 3 || random.below(2) === 0))
      void this.#join(via);
    else void this.#remove(via, pick(random, alive));
  }

  async #join(via: SimulatedNode): Promise<void> {
    if (!this.#strikes("join")) return;
    const { cluster, clients, ledger } = this.#parts;
    this.#joined += 1;
    const name = `j${this.#joined}`;
    this.#joins += 1;
    try {
      const joined = await cluster.admit(name, via.name);
      ledger.reached(joined === null ? "not let in" : "let in");
      if (joined === null) return;
      this.prepare(joined);
      this.start(joined);
      clients.start(joined);
    } catch {
      // Whoever was asked has no ear for it now: somebody else tries later.
      ledger.reached("not let in");
    } finally {
      this.#joins -= 1;
    }
  }

  async #remove(via: SimulatedNode, node: SimulatedNode): Promise<void> {
    if (!this.#strikes("remove")) return;
    const { ok } = await via.administration.removeMember(node.name);
    this.#parts.ledger.reached(ok ? "removed" : "not removed");
    if (ok) this.#removed.add(node.name);
  }

  #keep(envelope: Envelope): void {
    this.#old.push(envelope);
    if (this.#old.length > REPLAYED_MAX) this.#old.shift();
  }

  #deliverAgain(envelope: Envelope): void {
    for (const node of this.#parts.cluster.up) {
      if (node.identity.nodeId === envelope.hello.target) node.life.transport.receive(envelope);
    }
  }
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[random.below(values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}
