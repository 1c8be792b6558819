/**
 * Whole nodes under every fault that faults.md section 2 lists for them: the code of production from
 * the session of a client to the bytes of the log (sessions, proposals, core, codecs, journal, WAL,
 * snapshots, applier), over simulated disks, network and time.
 *
 * Goal: break what clients were told, or what nodes told each other, or find a cluster that stays
 * stuck. Method: each seed draws a mix of faults, runs a stormy phase in which the oracles look at
 * every message and every applied slot, then heals a set of nodes that holds a quorum, leaves the
 * rest dead for ever, and demands that this core finishes all work within a bound and that its nodes
 * agree. Then the history of the clients is judged from outside.
 */
import { crc32 } from "../../../src/base/checksum.ts";
import { type Random, SeededRandom } from "../../../src/base/random.ts";
import { StartRefused } from "../../../src/node/start-refused.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import type { PeerMessage } from "../../../src/transport/peer-messages.ts";
import { DiskMachine } from "../../support/disk-machine.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import type {
  MachineParts,
  SimulatedMachine,
  SimulatedNode,
} from "../../support/simulated-node.ts";
import { Violation } from "../../support/violation.ts";
import { FaultLedger } from "../fault-ledger.ts";
import type { WorldOptions, WorldResult } from "../world.ts";
import { judge } from "./judge.ts";
import { Clients, codeOf, type FinalState, readAll } from "./node-clients.ts";
import { Nemesis } from "./node-nemesis.ts";
import { NodeOracles } from "./node-oracles.ts";
import { NodeTrace } from "./node-trace.ts";
import { drawNodeWeather, type NodeWeather } from "./node-weather.ts";
import { observed } from "./observed-machine.ts";
import { emptyTables, SmallMachine } from "./small-machine.ts";
import { SmallStatements, SQLITE_SCHEMA, smallCatalog } from "./small-statements.ts";
import type { SmallTables } from "./small-tables.ts";

type MachineKind = "small" | "sqlite";

const WINDOW = 4;
/** Liveness bounds, in milliseconds of virtual time after healing. */
const LEADER_WITHIN_MS = 6_000;
const DONE_WITHIN_MS = 30_000;
const QUIET_TRIES = 6;
const OF_DISK = /EIO|ENOSPC|disk full|process is gone|stopped here/;

/** Whole nodes over the small state machine. */
export function simulateNodes(seed: number, options: WorldOptions = {}): Promise<WorldResult> {
  return simulate(seed, "small", options);
}

/** Whole nodes over the real state machine, SQLite included. */
export function simulateSqlite(seed: number, options: WorldOptions = {}): Promise<WorldResult> {
  return simulate(seed, "sqlite", options);
}

async function simulate(
  seed: number,
  machine: MachineKind,
  options: WorldOptions,
): Promise<WorldResult> {
  await loadParser();
  const run = new NodeWorldRun(seed, machine, options);
  return run.run();
}

/** Shared by all runs: translated once. */
let small: { catalog: ReturnType<typeof smallCatalog>; statements: SmallStatements } | null = null;

class NodeWorldRun {
  readonly #seed: number;
  readonly #machine: MachineKind;
  readonly #random: Random;
  readonly #weather: NodeWeather;
  readonly #ledger: FaultLedger;
  readonly #oracles = new NodeOracles();
  readonly #trace: NodeTrace;
  readonly #tables = new Map<number, SmallTables>();
  /** What the oracles noticed inside of a node, where an exception would only stop that node. */
  #noticed: Violation | null = null;
  readonly #refused = new Map<SimulatedNode, unknown>();
  /** Who lives on after healing; empty before. */
  #core: ReadonlySet<SimulatedNode> = new Set();
  #cluster: NodeCluster | null = null;
  #clients: Clients | null = null;
  #nemesis: Nemesis | null = null;

  constructor(seed: number, machine: MachineKind, options: WorldOptions) {
    this.#seed = seed;
    this.#machine = machine;
    this.#random = new SeededRandom(seed, 7);
    this.#weather = drawNodeWeather(new SeededRandom(seed, 8));
    this.#ledger = new FaultLedger(options);
    this.#trace = new NodeTrace(options.onEvent);
  }

  async run(): Promise<WorldResult> {
    let violation: Violation | null = null;
    try {
      await this.#start();
      await this.#storm();
      await this.#calm();
    } catch (error) {
      violation = this.#noticed ?? asViolation(error);
    }
    const virtualMs = this.#cluster?.scheduler.now ?? 0;
    await this.#close();
    return {
      seed: this.#seed,
      violation: violation ?? this.#noticed,
      traceHash: this.#trace.hash,
      events: this.#trace.count,
      lastEvents: this.#trace.last(),
      virtualMs,
      counts: this.#ledger.counts,
      faults: this.#ledger.faults,
    };
  }

  // The start.

  async #start(): Promise<void> {
    const { founders, network, snapshotEntries, writeTimeoutMs } = this.#weather;
    const { electionTimeoutMs, segmentBytes } = this.#weather;
    const cluster = await NodeCluster.found({
      seed: this.#seed,
      nodes: founders,
      network,
      snapshotEntries,
      writeTimeoutMs,
      electionTimeoutMs,
      heartbeatMs: electionTimeoutMs / 5,
      segmentBytes,
      window: WINDOW,
      logs: this.#trace.isRead,
      usesFiles: this.#machine === "sqlite",
      strikes: (fault) => this.#nemesis !== null && this.#ledger.strikes(fault),
      tamper: (envelope) => this.#nemesis?.tamper(envelope) ?? envelope,
      makeMachine: (parts) => this.#makeMachine(parts),
      onStarting: (host, initial) => {
        this.#note(host, "starts", initial.chosenIndex, `floor ${initial.truncationFloor}`);
        if (initial.faulty.length > 0) this.#ledger.reached("starts with faulty slots");
        if (initial.faultyAnywhere) this.#ledger.reached("starts with lost records");
        if (initial.truncationFloor > 0) this.#ledger.reached("starts behind a snapshot");
        const rotten = this.#nemesis?.rotten?.host === host;
        this.#guard(() => this.#oracles.started(host, initial, rotten));
      },
    });
    this.#cluster = cluster;
    cluster.exchange.onSent = (host, message, bytes) => {
      this.#note(host, "send", crc32(bytes), message);
      this.#ledger.reached(`message ${message.kind}`);
      this.#guard(() => this.#oracles.sent(host, message, () => this.#chosenIndexOf(host)));
    };
    cluster.exchange.onRefused = () => this.#ledger.reached("frame refused");
    cluster.setNetwork({});
    for (const node of cluster.nodes) await cluster.complete(node.start());
    await cluster.ready();
    if (this.#machine === "sqlite") {
      for (const text of SQLITE_SCHEMA) await cluster.sql("n1", text);
    }
    cluster.setNetwork(network);
  }

  #makeMachine(parts: MachineParts): SimulatedMachine {
    const { host } = parts;
    const before: MachineParts["before"] = (call) => {
      if (call !== "apply" && call !== "read") this.#ledger.reached(`machine ${call}`);
      return parts.before(call);
    };
    const counted = { ...parts, before };
    const machine = this.#machine === "small" ? this.#small(counted) : this.#sqlite(counted);
    return observed(machine, {
      applying: (entries) => this.#guard(() => this.#oracles.applying(host, entries)),
      applied: (report) => {
        this.#note(host, "applied", report.appliedIndex, report.digest);
        this.#guard(() => this.#oracles.applied(host, report));
      },
    });
  }

  #small(parts: MachineParts): SimulatedMachine {
    if (small === null) {
      const catalog = smallCatalog();
      small = { catalog, statements: new SmallStatements(catalog) };
    }
    const tables = this.#tables.get(parts.host) ?? emptyTables();
    this.#tables.set(parts.host, tables);
    return new SmallMachine({ ...parts, ...small, tables });
  }

  #sqlite(parts: MachineParts): SimulatedMachine {
    const cluster = this.#opened();
    const directory = cluster.directoryOf(parts.host);
    return new DiskMachine({ ...parts, directory, real: (work) => cluster.during(work) });
  }

  // The storm.

  async #storm(): Promise<void> {
    const cluster = this.#opened();
    const { weather, ledger } = { weather: this.#weather, ledger: this.#ledger };
    const { keys, thinkMs } = weather;
    const clientRandom = new SeededRandom(this.#seed, 9);
    const clients = new Clients({ cluster, random: clientRandom, ledger, keys, thinkMs });
    this.#clients = clients;
    const nemesis = new Nemesis({
      cluster,
      clients,
      random: this.#random,
      ledger,
      weather,
      startFailed: (node, error) => this.#startFailed(node, error),
      gaveUp: (node, error) => this.#gaveUp(node, error),
    });
    this.#nemesis = nemesis;
    nemesis.begin();
    for (const node of cluster.nodes) {
      for (let left = weather.clientsPerNode; left > 0; left -= 1) clients.start(node);
    }
    await this.#pass(weather.stormMs);
  }

  async #pass(milliseconds: number): Promise<void> {
    const cluster = this.#opened();
    const until = cluster.scheduler.now + milliseconds;
    while (cluster.scheduler.now < until) {
      await cluster.pass(Math.min(100, until - cluster.scheduler.now));
      this.#look();
    }
  }

  /** What went wrong where nobody could throw. */
  #look(): void {
    if (this.#noticed !== null) throw this.#noticed;
    const [failure] = this.#clients?.failures ?? [];
    if (failure !== undefined) throw asViolation(failure);
  }

  #startFailed(node: SimulatedNode, error: unknown): void {
    this.#ledger.reached("start refused");
    this.#note(node.host, "refused", 0, String(error));
    this.#refused.set(node, error);
    if (!(error instanceof StartRefused) && !isOfDisk(error)) this.#noticed ??= asViolation(error);
  }

  /** A node may give up for what was done to its disk or its machine, and for nothing else. */
  #gaveUp(node: SimulatedNode, error: Error): void {
    this.#ledger.reached("gave up");
    if (isOfDisk(error)) return;
    const why = error.cause instanceof Error ? (error.cause.stack ?? "") : "";
    this.#noticed ??= new Violation(
      "a node gives up for a broken disk or machine only",
      `${node.name}: ${error.message}`,
      why,
    );
  }

  // The calm.

  async #calm(): Promise<void> {
    const cluster = this.#opened();
    const [clients, nemesis] = [this.#clients, this.#nemesis];
    if (clients === null || nemesis === null) throw new Error("the storm comes first");
    nemesis.end();
    cluster.mend();
    cluster.setNetwork({});
    for (const node of cluster.nodes) node.speed = { disk: () => 0, machine: () => 0 };
    const core = await this.#heal(nemesis);
    this.#note(0, "heal", core.length, core.map(({ name }) => name).join());
    const healed = this.#now;
    await this.#until("V: a leader is elected", LEADER_WITHIN_MS, () => this.#membersAsLed());
    this.#ledger.reached(
      `leader after ${Math.floor((this.#now - healed) / this.#weather.electionTimeoutMs)} timeouts`,
    );
    clients.calm();
    await this.#until("V: all operations end", DONE_WITHIN_MS, () => clients.working === 0 || null);
    const staying = await this.#until("V: the members are ready", DONE_WITHIN_MS, () =>
      this.#readyMembers(core),
    );
    for (const node of staying) await this.#write(node, clients);
    const final = await this.#agree(staying);
    this.#look();
    judge(clients.lists, clients.entries, final);
  }

  /** Chooses who lives on, and sees that the others never come back. */
  async #heal(nemesis: Nemesis): Promise<readonly SimulatedNode[]> {
    const cluster = this.#opened();
    const { nodes } = cluster;
    const needsAll =
      nemesis.rotten !== null || nemesis.changedMembers || this.#random.below(2) === 0;
    const quorum = Math.floor(nodes.length / 2) + 1;
    const core = new Set(nodes);
    while (!needsAll && core.size > quorum) {
      const left = [...core];
      const [gone] = left.splice(this.#random.below(left.length), 1);
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
    await this.#nemesis?.replaceBroken(node);
    if (node.isUp) this.#refused.delete(node);
    else if (!this.#refused.has(node)) this.#nemesis?.start(node);
  }

  /** A node that refused to start for what was done to its disk is lost; any other one must be there. */
  #mayServe(node: SimulatedNode): boolean {
    if (node.isUp) return true;
    const error = this.#refused.get(node);
    if (node === this.#nemesis?.rotten && error instanceof StartRefused) return false;
    throw new Violation(
      "V: a node starts on what its disk holds",
      node.name,
      error instanceof Error ? error.message : "is down",
    );
  }

  #membersAsLed(): readonly string[] | null {
    const { leader } = this.#opened();
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
  async #write(node: SimulatedNode, clients: Clients): Promise<void> {
    const cluster = this.#opened();
    const until = this.#now + DONE_WITHIN_MS;
    for (;;) {
      const outcome = await cluster.complete(clients.enterThrough(node));
      if (outcome === "ok" || this.#membersAsLed()?.includes(node.name) === false) return;
      if (this.#now >= until)
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
    await this.#opened().agree(...names);
  }

  /** As a client does: tries again while there is no leader. Null: the node was removed meanwhile. */
  async #readAll(node: SimulatedNode): Promise<FinalState | null> {
    const cluster = this.#opened();
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
    const cluster = this.#opened();
    const until = cluster.scheduler.now + withinMs;
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (cluster.scheduler.now >= until) {
        throw new Violation(what, `not so ${withinMs} ms after healing`, this.#states());
      }
      await cluster.pass(10);
      for (const node of this.#core) await this.#supervise(node);
      this.#look();
    }
  }

  // Odds and ends.

  #chosenIndexOf(host: number): number {
    const node = this.#opened().nodes.find((candidate) => candidate.host === host);
    return node?.isUp === true ? node.running.status().chosenIndex : 0;
  }

  #states(): string {
    return this.#opened()
      .nodes.map((node) => {
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

  #note(host: number, event: string, number: number, about: PeerMessage | string): void {
    this.#trace.add({ time: this.#now, host, event, number, about });
  }

  #guard(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#noticed ??= asViolation(error);
    }
  }

  get #now(): number {
    return this.#cluster?.scheduler.now ?? 0;
  }

  #opened(): NodeCluster {
    if (this.#cluster === null) throw new Error("the cluster is not founded yet");
    return this.#cluster;
  }

  async #close(): Promise<void> {
    for (const node of this.#cluster?.nodes ?? []) {
      node.machineFault = null;
      node.resume();
    }
    await this.#cluster?.close().catch(() => undefined);
  }
}

/** Equal for equal states, whatever the order in which rows were read. */
function textOf({ lists, ledger }: FinalState): string {
  const byKey = [...lists].toSorted(([left], [right]) => left - right);
  return JSON.stringify([byKey, ledger.toSorted((left, right) => left - right)]);
}

/** Whether a disk or a machine that was broken here is at the bottom of it. */
function isOfDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return OF_DISK.test(error.message) || isOfDisk(error.cause);
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Violation("a node never fails on what it is sent", "an exception", message);
}
