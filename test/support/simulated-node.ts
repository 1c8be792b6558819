/**
 * One whole node as in production (assembly, journal, WAL, snapshots, state machine), in a world that
 * is simulated: disk, network and time. It can be stopped, killed and started again like a process.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import type { Clock } from "../../src/base/clock.ts";
import type { Files } from "../../src/base/files.ts";
import { type Random, SeededRandom } from "../../src/base/random.ts";
import type { StateMachine } from "../../src/machine/state-machine.ts";
import type { NodeSettings } from "../../src/node/config.ts";
import type { MemberIdentity } from "../../src/node/identity.ts";
import type { NodeMetrics } from "../../src/node/metrics.ts";
import { NodeAssembly } from "../../src/node/node-assembly.ts";
import { openStorage, type Storage } from "../../src/node/open-storage.ts";
import type { Administration, RunningNode, StatusSource } from "../../src/node/status.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import type { Database } from "../../src/sql/database.ts";
import { DiskMachine, type MachineCall } from "./disk-machine.ts";
import { type DiskOperation, FaultyDisk } from "./faulty-files.ts";
import { type Exchange, MemoryTransport } from "./memory-transport.ts";
import type { Scheduler } from "./simulation/scheduler.ts";
import { type ClockFaults, NO_CLOCK_FAULTS, VirtualClock } from "./simulation/virtual-clock.ts";

/** What all nodes of one simulation share. */
export interface NodeWorld {
  readonly scheduler: Scheduler;
  readonly exchange: Exchange;
  readonly seed: number;
  /** Of the real file system: for the SQLite files. */
  readonly directory: string;
  readonly settings: Omit<NodeSettings, "addresses">;
  readonly segmentBytes: number;
  /** Virtual time stands still until `work` is done. */
  readonly real: <Result>(work: Promise<Result>) => Promise<Result>;
  /** The state machine of one process; without it the real one, over SQLite files in `directory`. */
  readonly makeMachine?: (parts: MachineParts) => SimulatedMachine;
  /** Told what a node starts from, each time. */
  readonly onStarting?: (host: number, initial: InitialState) => void;
  /** Whether nodes write a log. */
  readonly logs: boolean;
}

/** A state machine that can lose its process, and its power. */
export interface SimulatedMachine extends StateMachine {
  crash(powerLoss: Random | null): Promise<void>;
}

export interface MachineParts {
  readonly host: number;
  readonly node: number;
  /** Counts the node's processes, from 1. */
  readonly life: number;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** Awaited before each call is carried out; rejects to make it fail. */
  readonly before: (call: MachineCall) => Promise<void>;
}

/** How long things take on this node, in milliseconds of virtual time. */
export interface NodeSpeed {
  readonly disk: (operation: DiskOperation, path: string) => number;
  readonly machine: (call: MachineCall) => number;
}

/** The process of one life. */
interface Life {
  readonly clock: VirtualClock;
  readonly transport: MemoryTransport;
  readonly machines: SimulatedMachine[];
  storage: Storage | null;
  running: RunningNode | null;
  database: Database | null;
  source: StatusSource | null;
  administration: Administration | null;
  /** Why the node gave up by itself. */
  failure: Error | null;
}

const DATA = "/data";
const LINES_KEPT = 400;

export class SimulatedNode {
  readonly host: number;
  readonly disk = new FaultyDisk();
  readonly #world: NodeWorld;
  readonly #random: Random;
  readonly #lines: string[] = [];
  identity: MemberIdentity;
  speed: NodeSpeed = { disk: () => 0, machine: () => 0 };
  /** Set by a test: what the state machine's next calls run into. */
  machineFault: ((call: MachineCall) => Error | null) | null = null;
  /** What is wrong with the clocks of the node's next process. */
  clockFaults: ClockFaults = NO_CLOCK_FAULTS;
  #lives = 0;
  #life: Life | null = null;
  /** What waits for the process to go on; null while it runs. */
  #paused: (() => void)[] | null = null;

  constructor(world: NodeWorld, host: number, identity: MemberIdentity) {
    this.#world = world;
    this.host = host;
    this.identity = identity;
    this.#random = new SeededRandom(world.seed, 1000 + host);
    this.disk.setLatency((operation, path) => this.#pass(this.speed.disk(operation, path)));
  }

  get name(): string {
    return this.identity.name;
  }

  get isUp(): boolean {
    return this.#life?.running !== null && this.#life !== null;
  }

  get life(): Life {
    if (this.#life === null) throw new Error(`${this.name} is down`);
    return this.#life;
  }

  get running(): RunningNode {
    const { running } = this.life;
    if (running === null) throw new Error(`${this.name} is still starting`);
    return running;
  }

  get database(): Database {
    const { database } = this.life;
    if (database === null) throw new Error(`${this.name} is still starting`);
    return database;
  }

  get administration(): Administration {
    const { administration } = this.life;
    if (administration === null) throw new Error(`${this.name} is still starting`);
    return administration;
  }

  get source(): StatusSource {
    const { source } = this.life;
    if (source === null) throw new Error(`${this.name} is still starting`);
    return source;
  }

  get isPaused(): boolean {
    return this.#paused !== null;
  }

  /** What the running process found on its disk; null while it starts. */
  get storage(): Storage | null {
    return this.#life?.storage ?? null;
  }

  /** Why the running process gave up; null while it does not. */
  get failure(): Error | null {
    return this.#life?.failure ?? null;
  }

  /** The last lines of the log, of all its processes. */
  get log(): readonly string[] {
    return this.#lines;
  }

  /** Starts a process on what the disk holds. Rejects as `synod start` would. */
  async start(): Promise<void> {
    if (this.#life !== null) throw new Error(`${this.name} runs already`);
    this.#lives += 1;
    const { identity } = this;
    const { scheduler, exchange, seed } = this.#world;
    const clock = new VirtualClock(scheduler, {
      ...this.clockFaults,
      gate: (action) => this.#whenRunning(action),
    });
    const random = new SeededRandom(seed, this.host * 1000 + this.#lives);
    const place = { host: this.host, address: identity.addresses.peer };
    const local = { ...identity, id: identity.nodeId, softwareVersion: "simulated" };
    const life: Life = {
      clock,
      transport: new MemoryTransport(exchange, place, local, (arrived) =>
        this.#whenRunning(arrived),
      ),
      machines: [],
      storage: null,
      running: null,
      database: null,
      source: null,
      administration: null,
      failure: null,
    };
    this.#life = life;
    try {
      life.storage = await this.#openStorage(life, random);
      this.#world.onStarting?.(this.host, life.storage.initial);
      life.running = await this.#assemble(life, life.storage, random);
    } catch (error) {
      await this.#end(life);
      throw error;
    }
    void life.running.failed.then((error) => {
      life.failure = error;
    });
  }

  /** As after SIGSTOP: nothing of the process runs until `resume`; what comes in waits. */
  pause(): void {
    this.#paused ??= [];
  }

  /** As after SIGCONT: all that is due runs now, in the order in which it came. */
  resume(): void {
    const waiting = this.#paused ?? [];
    this.#paused = null;
    for (const action of waiting) this.#whenRunning(action);
  }

  /** As after SIGTERM. */
  async stop(): Promise<void> {
    const { life } = this;
    await this.running.stop();
    await this.#end(life);
  }

  /** kill -9; `powerLoss`: and what was not synced is kept or lost at random. */
  async crash(how: "process" | "powerLoss"): Promise<void> {
    const { life } = this;
    const powerLoss = how === "powerLoss" ? this.#random : null;
    life.clock.stop();
    this.#world.exchange.close(life.transport.place.address);
    if (powerLoss === null) this.disk.restart();
    else this.disk.crash(powerLoss);
    this.#paused = null;
    this.#life = null;
    for (const machine of life.machines) await machine.crash(powerLoss);
  }

  /** Its SQLite files are gone; the node must be down. */
  loseMachine(): void {
    rmSync(this.#machineDirectory, { recursive: true });
  }

  get #machineDirectory(): string {
    return join(this.#world.directory, `host-${this.host}`);
  }

  #openStorage(life: Life, random: Random): Promise<Storage> {
    const { seed, segmentBytes } = this.#world;
    const { nodeId } = this.identity;
    const { clock } = life;
    const { files } = this.disk;
    return openStorage({
      paths: { path: DATA, walPath: join(DATA, "wal"), snapshotsPath: join(DATA, "snapshots") },
      files,
      clock,
      random,
      segmentBytes,
      makeMachine: () => {
        const parts: MachineParts = {
          host: this.host,
          node: nodeId,
          life: this.#lives,
          files,
          clock,
          random: new SeededRandom(seed, this.host * 1000 + this.#lives + 500),
          before: (call) => this.#beforeMachine(call),
        };
        const { makeMachine, real } = this.#world;
        const directory = this.#machineDirectory;
        const machine = makeMachine?.(parts) ?? new DiskMachine({ ...parts, directory, real });
        life.machines.push(machine);
        return machine;
      },
      identity: this.identity,
      log: this.#logger(),
      metrics: NO_METRICS,
    });
  }

  #assemble(life: Life, storage: Storage, random: Random): Promise<RunningNode> {
    const { exchange, settings, seed } = this.#world;
    const { addresses } = this.identity;
    const { clock, transport } = life;
    const assembly = new NodeAssembly({
      config: { ...settings, addresses },
      identity: this.identity,
      storage,
      transport,
      peerPort: {
        address: addresses.peer,
        serve: (purpose, handler) => exchange.serve(addresses.peer, purpose, handler),
      },
      surroundings: {
        log: this.#logger(),
        metrics: NO_METRICS,
        openSqlServer: async (database) => {
          life.database = database;
          return { address: addresses.sql, close: async () => undefined };
        },
        openHttpServer: async ({ source, administration }) => {
          life.source = source;
          life.administration = administration;
          return { address: addresses.sql, close: async () => undefined };
        },
      },
      world: {
        clock,
        random,
        nonce: `${seed}-${this.host}-${this.#lives}`,
        defer: (action) => clock.after(0, action),
        exchange: (question) => exchange.question(this.host, question),
      },
    });
    return assembly.start();
  }

  async #end(life: Life): Promise<void> {
    // It was killed while it stopped, and another process may live here by now.
    if (this.#life !== life) return;
    life.clock.stop();
    this.#world.exchange.close(life.transport.place.address);
    for (const machine of life.machines) await machine.close();
    this.disk.restart();
    this.#life = null;
  }

  async #beforeMachine(call: MachineCall): Promise<void> {
    await this.#pass(this.speed.machine(call));
    const fault = this.machineFault?.(call) ?? null;
    if (fault !== null) throw fault;
  }

  #pass(milliseconds: number): Promise<void> {
    if (milliseconds === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#world.scheduler.after(milliseconds, () => this.#whenRunning(resolve));
    });
  }

  #whenRunning(action: () => void): void {
    if (this.#paused === null) action();
    else this.#paused.push(action);
  }

  #logger() {
    if (!this.#world.logs) return SILENT;
    const base = { node: this.name, life: this.#lives };
    return pino(
      { level: "debug", base },
      {
        write: (line: string) => {
          this.#lines.push(`${this.#world.scheduler.now} ${line.trimEnd()}`);
          if (this.#lines.length > LINES_KEPT) this.#lines.shift();
        },
      },
    );
  }
}

const SILENT = pino({ level: "silent" });

const NO_METRICS: NodeMetrics = {
  observeCommit: () => undefined,
  observeSync: () => undefined,
  observeBatch: () => undefined,
  countLeaderChange: () => undefined,
  setSessions: () => undefined,
  countError: () => undefined,
};
