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
import { Calm } from "./calm.ts";
import { Clients } from "./clients/clients.ts";
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
    const { keys, thinkMs, story } = weather;
    const clientRandom = new SeededRandom(this.#seed, 9);
    const clients = new Clients({ cluster, random: clientRandom, ledger, keys, thinkMs, story });
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
    const [clients, nemesis] = [this.#clients, this.#nemesis];
    if (clients === null || nemesis === null) throw new Error("the storm comes first");
    const calm = new Calm({
      cluster: this.#opened(),
      clients,
      nemesis,
      random: this.#random,
      ledger: this.#ledger,
      electionTimeoutMs: this.#weather.electionTimeoutMs,
      refused: this.#refused,
      look: () => this.#look(),
      note: (host, event, number, about) => this.#note(host, event, number, about),
    });
    await calm.run();
  }

  // Odds and ends.

  #chosenIndexOf(host: number): number {
    const node = this.#opened().nodes.find((candidate) => candidate.host === host);
    return node?.isUp === true ? node.running.status().chosenIndex : 0;
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
