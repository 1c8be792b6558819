/** A node's parts, tied together: who hears of what, and the order in which they stop. */
import type { Logger } from "pino";
import { parseAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { deferred } from "../base/deferred.ts";
import type { Random } from "../base/random.ts";
import type { ApplyReport } from "../machine/state-machine.ts";
import type { TraceFact } from "../paxos/effects.ts";
import { memberOf } from "../paxos/membership.ts";
import { Replica } from "../paxos/replica.ts";
import { type NodeId, type Slot, slot } from "../paxos/types.ts";
import type { LargeTexts } from "../sql/large-text.ts";
import type { ExchangeResult, Question } from "../transport/exchange.ts";
import type { PeerListener } from "../transport/peer-listener.ts";
import type { PeerMessage } from "../transport/peer-messages.ts";
import type { Transport } from "../transport/transport.ts";
import { AddressAnnouncement } from "./address-announcement.ts";
import { Catalogs } from "./catalogs.ts";
import { CatchUp } from "./catch-up.ts";
import { ClusterDatabase } from "./cluster-database.ts";
import { Compaction } from "./compaction.ts";
import type { NodeSettings } from "./config.ts";
import { Gateway } from "./gateway.ts";
import type { MemberIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { Members } from "./members.ts";
import { MembershipWatch } from "./membership-watch.ts";
import { Node, type NodeObserver } from "./node.ts";
import { NodeAdministration } from "./node-administration.ts";
import type { Storage } from "./open-storage.ts";
import { replayFrom } from "./recover.ts";
import { replicaConfig, TICK_MS } from "./replica-config.ts";
import { SessionWatch } from "./session-watch.ts";
import { SnapshotServer } from "./snapshot-server.ts";
import type { OpenServer, Surroundings } from "./start.ts";
import type { RunningNode } from "./status.ts";
import { NodeStatusSource } from "./status-source.ts";
import { changesLeader, traceText } from "./trace-text.ts";

/** What the node has of the world outside, so that a simulator can put one of its own around it. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  /** Of this process: no other process, earlier or later, has it. */
  readonly nonce: string;
  /** Runs an action after what is under way. */
  readonly defer: (action: () => void) => void;
  /** Translates large texts, and is closed with the node; left out: the main thread does. */
  readonly translator?: LargeTexts & { close(): Promise<void> };
  /** Asks one question at a peer port; never rejects. */
  readonly exchange: (question: Question) => Promise<ExchangeResult>;
}

export interface AssemblyParts {
  readonly config: NodeSettings;
  readonly identity: MemberIdentity;
  readonly storage: Storage;
  /** Closed with the node. */
  readonly transport: Transport;
  readonly peerPort: Pick<PeerListener, "serve" | "address">;
  readonly surroundings: Omit<Surroundings, "signal">;
  readonly world: World;
}

/** Nothing heard of a command or a question for this long: it is sent again. */
const RETRY_MS = 500;
const WATCH_MS = 200;

export class NodeAssembly {
  readonly #parts: AssemblyParts;
  readonly #log: Logger;
  readonly #catalogs = new Catalogs();
  readonly #failure = deferred<Error>();
  readonly #transport: Transport;
  readonly #node: Node;
  readonly #members: Members;
  readonly #membership: MembershipWatch;
  readonly #announcement: AddressAnnouncement;
  readonly #sessions: SessionWatch;
  readonly #compaction: Compaction;
  readonly #catchUp: CatchUp;
  readonly #snapshotServer: SnapshotServer;
  readonly #journal: Journal;
  readonly #gateway: Gateway;
  readonly #database: ClusterDatabase;
  readonly #source: NodeStatusSource;
  #servers: OpenServer[] = [];
  #broken: string | null = null;
  #stopping: Promise<void> | null = null;

  constructor(parts: AssemblyParts) {
    this.#parts = parts;
    const { identity, storage, surroundings, config, world } = parts;
    const { clock, random } = world;
    const { machine, store } = storage;
    this.#log = surroundings.log;
    this.#catalogs.replaceAll(storage.machineState.databases);
    this.#transport = parts.transport;
    const replica = new Replica(replicaConfig(config, identity, random), storage.initial);
    this.#journal = this.#makeJournal();
    this.#node = this.#makeNode(replica);
    this.#compaction = this.#makeCompaction(replica);
    const common = { node: this.#node, machine, transport: this.#transport, clock };
    const compaction = this.#compaction;
    this.#members = new Members({
      ...common,
      firstId: random.u32(),
      timeoutMs: config.writeTimeoutMs,
    });
    this.#membership = new MembershipWatch({
      ...common,
      identity,
      members: this.#members,
      log: this.#log,
    });
    this.#announcement = new AddressAnnouncement({
      ...world,
      identity,
      newest: () => this.#membership.newest(),
      log: this.#log,
    });
    this.#sessions = new SessionWatch({ ...common, timeoutMs: config.sessionTimeoutMs });
    this.#catchUp = new CatchUp({
      ...common,
      store,
      compaction,
      catalogs: this.#catalogs,
      onProgress: (text) => this.#log.info(text),
      onFailure: (what, error) => this.#warn(what, error),
      onBroken: (error) => this.#fail("installing a snapshot", error),
    });
    const onFailure = (what: string, error: unknown): void => this.#warn(what, error);
    this.#snapshotServer = new SnapshotServer({ ...common, store, compaction, onFailure });
    this.#gateway = new Gateway({ ...common, catalogs: this.#catalogs, random });
    this.#database = new ClusterDatabase(this.#gateway, clock, world.translator ?? null);
    const failure = (): string | null => this.#broken;
    this.#source = new NodeStatusSource({ ...common, identity, compaction, failure });
    void storage.failed.then((error) => this.#fail("storage", error));
  }

  async start(): Promise<RunningNode> {
    const { config, identity, peerPort, storage, surroundings } = this.#parts;
    this.#transport.onMessage((from, message) => this.#receive(from, message));
    this.#membership.refresh();
    this.#membership.serveJoin(peerPort);
    this.#node.start();
    this.#watch();
    const { sql, http } = config.addresses;
    const administration = new NodeAdministration(this.#members, this.#compaction, storage.machine);
    try {
      const httpServer = await this.#open(http, (address) =>
        surroundings.openHttpServer({ source: this.#source, administration }, address),
      );
      const sqlServer = await this.#open(sql, (address) =>
        surroundings.openSqlServer(this.#database, address),
      );
      void this.#announcement.run();
      return {
        sqlAddress: sqlServer?.address ?? sql,
        peerAddress: identity.addresses.peer === "" ? peerPort.address : identity.addresses.peer,
        httpAddress: httpServer?.address ?? null,
        status: () => this.#source.status(),
        failed: this.#failure.promise,
        stop: () => this.stop(),
      };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Clients first, then what they needed, in the order in which each needs the next. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#database.stop();
    // What its clients wait for cannot come any more: they are told now, not when their time is up.
    if (this.#broken !== null) this.#node.stop();
    for (const server of this.#servers.toReversed()) await server.close();
    await this.#parts.world.translator?.close();
    await this.#compaction.stop();
    await this.#catchUp.stop();
    this.#snapshotServer.stop();
    this.#announcement.stop();
    this.#node.stop();
    await this.#node.applier.pause();
    // Lets the last messages (a handed-over leadership) leave.
    await new Promise<void>((resolve) => this.#parts.world.clock.after(STOP_GRACE_MS, resolve));
    await this.#transport.close();
    const { machine } = this.#parts.storage;
    try {
      if (this.#broken === null) {
        await this.#journal.close();
        await machine.checkpoint();
      }
    } finally {
      await machine.close();
    }
    // A thread inside SQLite cannot be stopped otherwise; the writer has closed its files.
    if (machine.hasRunawayRead) process.kill(process.pid, "SIGKILL");
  }

  async #open(
    text: string | null,
    open: (address: NonNullable<ReturnType<typeof parseAddress>>) => Promise<OpenServer>,
  ): Promise<OpenServer | null> {
    const address = text === null ? null : parseAddress(text);
    if (address === null) return null;
    const server = await open(address);
    this.#servers.push(server);
    return server;
  }

  #receive(from: NodeId, message: PeerMessage): void {
    switch (message.kind) {
      case "snapshotManifestRequest":
        return this.#snapshotServer.manifestWanted(from);
      case "snapshotChunkRequest":
        return this.#snapshotServer.chunkWanted(from, message);
      case "snapshotManifest":
      case "snapshotChunk":
        return this.#catchUp.answered(from, message);
      case "memberRequest":
        return this.#members.answer(from, message);
      case "memberReply":
        return this.#members.replied(message);
      case "snapshotOffer":
      case "digest":
        return;
      default:
        return this.#node.input({ kind: "message", from, message });
    }
  }

  #makeJournal(): Journal {
    const { wal, metadata, durable } = this.#parts.storage;
    return new Journal({
      wal,
      metadata,
      state: durable,
      onDurable: (sequence) => this.#node.durable(sequence),
      onFailure: (error) => this.#fail("writing the log", error),
    });
  }

  #makeNode(replica: Replica): Node {
    const { config, identity, storage, world } = this.#parts;
    const { writeTimeoutMs } = config;
    return new Node({
      ...world,
      self: identity.nodeId,
      firstReadId: world.random.u32(),
      replica,
      journal: this.#journal,
      machine: storage.machine,
      appliedIndex: storage.machineState.appliedIndex,
      replay: replayFrom(storage.initial, slot(storage.machineState.appliedIndex)),
      transport: this.#transport,
      times: { tickMs: TICK_MS, writeTimeoutMs, readTimeoutMs: writeTimeoutMs, retryMs: RETRY_MS },
      observer: this.#observer(),
    });
  }

  #makeCompaction(replica: Replica): Compaction {
    const { config, identity, storage, world } = this.#parts;
    const { machine, store } = storage;
    const parts = {
      self: identity.nodeId,
      clock: world.clock,
      machine,
      store,
      replica,
      truncate: (floor: Slot) => this.#node.input({ kind: "truncate", floor }),
      onFailure: (error: unknown) => this.#warn("taking a snapshot", error),
      entriesMax: config.snapshotEntries,
      bytesMax: config.snapshotBytes,
    };
    return new Compaction(parts, store.latest()?.slot ?? 0);
  }

  #observer(): NodeObserver {
    const { metrics } = this.#parts.surroundings;
    return {
      applied: (report) => this.#applied(report),
      snapshotNeeded: (from) => this.#catchUp.needed(from),
      membershipChangeAnswered: (answer) => this.#members.changed(answer),
      membershipsChanged: () => this.#membership.refresh(),
      traced: (fact) => this.#traced(fact),
      committed: (durationMs) => metrics.observeCommit(durationMs / 1000),
      batched: (commands, bytes) => {
        metrics.observeBatch(commands);
        this.#compaction.received(bytes);
      },
      failed: (what, error) => this.#fail(what, error),
    };
  }

  #applied(report: ApplyReport): void {
    this.#catalogs.applied(report.changedDatabases);
    this.#compaction.applied(report.appliedIndex);
    for (const outcome of report.reports) this.#sessions.applied(outcome);
  }

  /** What is looked at now and then: who leads, who is silent, which memberships are in force by now. */
  #watch(): void {
    this.#gateway.noteLeader();
    this.#membership.refresh();
    this.#sessions.check();
    this.#parts.world.clock.after(WATCH_MS, () => {
      if (this.#stopping === null) this.#watch();
    });
  }

  #traced(fact: TraceFact): void {
    if (changesLeader(fact)) this.#parts.surroundings.metrics.countLeaderChange();
    const { node } = fact.ballot;
    const proposer = memberOf(this.#membership.newest(), node)?.name ?? `node ${node}`;
    this.#log.info(traceText(fact, proposer));
  }

  #warn(what: string, error: unknown): void {
    if (this.#stopping === null) this.#log.warn({ err: error }, `${what} failed`);
  }

  /** The disk or the state machine is broken: this node cannot keep its promises. */
  #fail(what: string, error: unknown): void {
    if (this.#broken !== null || this.#stopping !== null) return;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#broken = `${what} failed: ${cause.message}`;
    this.#failure.resolve(new Error(this.#broken, { cause }));
  }
}

const STOP_GRACE_MS = 20;
