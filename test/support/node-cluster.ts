/**
 * Whole nodes in one process over a simulated network, simulated disks and virtual time: everything
 * of production but sockets, threads and the SQL port. Time passes only while a test waits for
 * something, so a run is fast, and the same seed gives the same run.
 */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MaybePromise } from "../../src/base/maybe-promise.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { memberIdentity } from "../../src/node/formation.ts";
import type { Addresses, Candidate, MemberIdentity } from "../../src/node/identity.ts";
import { decodeJoinAnswer, encodeJoinRequest } from "../../src/node/join.ts";
import type { NodeStatus } from "../../src/node/status.ts";
import { encodeMembership } from "../../src/paxos/membership.ts";
import { type Membership, nodeId } from "../../src/paxos/types.ts";
import type { ConnectionRequest, Session } from "../../src/sql/database.ts";
import { loadParser } from "../../src/sql/parse.ts";
import { type Hello, PROTOCOL_VERSION } from "../../src/transport/hello.ts";
import { type Envelope, Exchange } from "./memory-transport.ts";
import { type Row, runQuery } from "./session-answers.ts";
import { settle } from "./settle.ts";
import { type NodeWorld, SimulatedNode } from "./simulated-node.ts";
import { Network, type NetworkFaults } from "./simulation/network.ts";
import { Scheduler } from "./simulation/scheduler.ts";
import { Violation } from "./violation.ts";

export interface NodeClusterOptions {
  readonly nodes?: number;
  readonly seed?: number;
  readonly network?: Partial<NetworkFaults>;
  readonly snapshotEntries?: number;
  readonly writeTimeoutMs?: number;
  /** Twice the write timeout if left out. */
  readonly sessionTimeoutMs?: number;
  readonly electionTimeoutMs?: number;
  readonly heartbeatMs?: number;
  readonly window?: number;
  readonly segmentBytes?: number;
  /** Whether nodes write a log; default true. */
  readonly logs?: boolean;
  readonly makeMachine?: NodeWorld["makeMachine"];
  readonly onStarting?: NodeWorld["onStarting"];
  /** False: no state machine needs a directory of the real file system. */
  readonly usesFiles?: boolean;
  /** Asked before the network strikes; see Network. */
  readonly strikes?: (fault: string) => boolean;
  /** What becomes of a message on its way. */
  readonly tamper?: (envelope: Envelope) => Envelope;
}

type JoinOutcome =
  | { readonly host: number; readonly identity: MemberIdentity }
  | { readonly reason: string };

const CLUSTER = "simulated";
const WINDOW = 8;
const SEGMENT_BYTES = 64 * 1024;
const CALM: NetworkFaults = {
  lossPermille: 0,
  duplicatePermille: 0,
  delayMin: 1,
  delayMax: 2,
  stragglerPermille: 0,
};
/** Longer than any timeout of the node. */
const PATIENCE_MS = 60_000;

export class NodeCluster {
  readonly scheduler = new Scheduler();
  readonly exchange: Exchange;
  readonly #founders: readonly MemberIdentity[];
  readonly #world: NodeWorld;
  readonly #nodes = new Map<string, SimulatedNode>();
  readonly #sessions = new Map<SimulatedNode, { life: object; session: Session }>();
  #realWork = 0;
  #nextHost: number;

  private constructor(options: NodeClusterOptions) {
    const { seed = 1, snapshotEntries = 1000, writeTimeoutMs = 5000 } = options;
    const { electionTimeoutMs = 300, heartbeatMs = 50, strikes, tamper = asItIs } = options;
    this.#founders = foundersOf(options.nodes ?? 3, options.window ?? WINDOW);
    this.#nextHost = this.#founders.length + 1;
    this.exchange = new Exchange(
      (deliver) =>
        new Network({
          scheduler: this.scheduler,
          random: new SeededRandom(seed),
          faults: { ...CALM, ...options.network },
          deliver: (from, to, envelope) => deliver(from, to, tamper(envelope)),
          ...(strikes === undefined ? {} : { strikes }),
        }),
    );
    this.#world = {
      scheduler: this.scheduler,
      exchange: this.exchange,
      seed,
      directory: options.usesFiles === false ? "" : makeDirectory(),
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      real: (work) => this.during(work),
      logs: options.logs ?? true,
      ...(options.makeMachine === undefined ? {} : { makeMachine: options.makeMachine }),
      ...(options.onStarting === undefined ? {} : { onStarting: options.onStarting }),
      settings: {
        snapshotEntries,
        snapshotBytes: 64 * 1024 * 1024,
        writeTimeoutMs,
        sessionTimeoutMs: options.sessionTimeoutMs ?? 2 * writeTimeoutMs,
        electionTimeoutMs,
        heartbeatMs,
      },
    };
  }

  /** Founds a cluster of n1, n2 … and waits until it is ready. */
  static async start(options: NodeClusterOptions = {}): Promise<NodeCluster> {
    const cluster = await NodeCluster.found(options);
    for (const node of cluster.nodes) await cluster.complete(node.start());
    await cluster.ready();
    return cluster;
  }

  /** The same without starting anybody. */
  static async found(options: NodeClusterOptions = {}): Promise<NodeCluster> {
    await loadParser();
    const cluster = new NodeCluster(options);
    for (const [at, identity] of cluster.#founders.entries()) {
      cluster.#nodes.set(identity.name, new SimulatedNode(cluster.#world, at + 1, identity));
    }
    return cluster;
  }

  /** Ends all processes and removes what they wrote. Fails if a node gave up and nobody ended it. */
  async close(): Promise<void> {
    const failures = this.up.flatMap(({ name, failure }) =>
      failure ? [`${name}: ${failure}`] : [],
    );
    for (const node of this.up) await node.crash("process");
    if (this.#world.directory !== "") {
      rmSync(this.#world.directory, { recursive: true, force: true });
      directories.delete(this.#world.directory);
    }
    if (failures.length > 0) throw new Error(failures.join("; "));
  }

  /** Of the real file system, for a node's SQLite files. */
  directoryOf(host: number): string {
    return join(this.#world.directory, `host-${host}`);
  }

  get nodes(): readonly SimulatedNode[] {
    return [...this.#nodes.values()];
  }

  get up(): readonly SimulatedNode[] {
    return this.nodes.filter(({ isUp }) => isUp);
  }

  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  node(name: string): SimulatedNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  status(name: string): NodeStatus {
    return this.node(name).running.status();
  }

  /** The node that leads, as the most recent of those who think so. */
  get leader(): SimulatedNode | null {
    const leading = this.up.filter((node) => node.running.status().node.role === "leader");
    return leading.toSorted((left, right) => roundOf(right) - roundOf(left))[0] ?? null;
  }

  /** A running node that does not lead. */
  get follower(): SimulatedNode {
    const { leader } = this;
    const found = this.up.find((node) => node !== leader);
    if (found === undefined) throw new Error("nobody follows");
    return found;
  }

  // Time.

  /** Lets virtual time pass. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.scheduler.now + milliseconds;
    do await this.#settle();
    while (this.scheduler.runNext(until));
    await this.#settle();
  }

  /** Lets time pass until `work` is done; rejects if it never is. */
  async complete<Result>(answer: MaybePromise<Result>, withinMs = PATIENCE_MS): Promise<Result> {
    const work = Promise.resolve(answer);
    const state = { isDone: false };
    const done = (): void => {
      state.isDone = true;
    };
    work.then(done, done);
    const until = this.scheduler.now + withinMs;
    let hasMore = true;
    while (hasMore) {
      await this.#settle();
      if (state.isDone) return work;
      hasMore = this.scheduler.runNext(until);
    }
    throw new Error(`not done after ${withinMs} ms\n${this.states()}`);
  }

  /** Lets time pass until `condition` holds; rejects if it never does. */
  async until(what: string, condition: () => boolean, withinMs = PATIENCE_MS): Promise<void> {
    const until = this.scheduler.now + withinMs;
    for (;;) {
      await this.#settle();
      if (condition()) return;
      if (!this.scheduler.runNext(until)) {
        throw new Error(`${what}: not so after ${withinMs} ms\n${this.states()}`);
      }
    }
  }

  /** All running nodes serve. */
  ready(...names: readonly string[]): Promise<void> {
    const wanted = names.length === 0 ? this.up : names.map((name) => this.node(name));
    return this.until("ready", () => wanted.every((node) => node.source.readiness().ready));
  }

  // Statements.

  /** Sends a simple query and does not wait. Answers with the rows of the last statement. */
  begin(name: string, text: string): Promise<readonly Row[]> {
    const answer = this.#run(this.node(name), text);
    // Whoever waits for it later is told; nobody has to.
    answer.catch(() => undefined);
    return answer;
  }

  sql(name: string, text: string): Promise<readonly Row[]> {
    return this.complete(this.begin(name, text));
  }

  /** A client's connection of its own; `terminate` is called when the node ends it. */
  connect(name: string, request: Partial<ConnectionRequest> = {}): Promise<Session> {
    return this.complete(connect(this.node(name), request));
  }

  // Faults.

  cut(from: string, to: string): void {
    this.exchange.network.cut(this.node(from).host, this.node(to).host);
  }

  /** Nothing gets to or from these nodes, but among themselves. */
  isolate(...names: readonly string[]): void {
    for (const inside of names) {
      for (const { name } of this.nodes) {
        if (names.includes(name)) continue;
        this.cut(inside, name);
        this.cut(name, inside);
      }
    }
  }

  mend(): void {
    this.exchange.network.mendAll();
  }

  setNetwork(faults: Partial<NetworkFaults>): void {
    this.exchange.network.setFaults({ ...CALM, ...faults });
  }

  async crash(name: string, how: "process" | "powerLoss" = "process"): Promise<void> {
    await this.node(name).crash(how);
  }

  /** Starts a node that is down; rejects as `synod start` would. */
  restart(name: string): Promise<void> {
    return this.complete(this.node(name).start());
  }

  stop(name: string): Promise<void> {
    return this.complete(this.node(name).stop());
  }

  // Members.

  /** A new node asks `via` to be let in and starts. */
  async join(name: string, via: string): Promise<SimulatedNode> {
    const answer = await this.complete(this.#askToJoin(name, via));
    if ("reason" in answer) throw new Error(answer.reason);
    const node = this.#add(answer.host, answer.identity);
    await this.complete(node.start());
    return node;
  }

  /** A new node asks to be let in; time must pass meanwhile. It is not started. Null: it is not let in. */
  async admit(name: string, via: string): Promise<SimulatedNode | null> {
    const answer = await this.#askToJoin(name, via);
    return "reason" in answer ? null : this.#add(answer.host, answer.identity);
  }

  #add(host: number, identity: MemberIdentity): SimulatedNode {
    const node = new SimulatedNode(this.#world, host, identity);
    this.#nodes.set(node.name, node);
    return node;
  }

  async #askToJoin(name: string, via: string): Promise<JoinOutcome> {
    const host = this.#nextHost;
    this.#nextHost += 1;
    const addresses = addressesOf(host);
    const incarnation = `${name}-at-${host}`;
    const origin = { kind: "join" as const, seeds: [this.node(via).identity.addresses.peer] };
    const candidate: Candidate = { kind: "candidate", name, incarnation, addresses, origin };
    const request = encodeJoinRequest({ name, incarnation, ...addresses });
    const hello = helloOf(candidate);
    const seed = this.node(via).identity.addresses.peer;
    const bytes = await this.exchange.ask(seed, hello, request);
    const answer = decodeJoinAnswer(bytes);
    if (answer.kind !== "joined") return { reason: `${answer.kind}: ${answer.reason}` };
    return { host, identity: memberIdentity(candidate, answer.admission) };
  }

  // Oracles.

  /** Waits until all running nodes have applied the same and compares everything that SQL can see. */
  async agree(...names: readonly string[]): Promise<string> {
    const nodes = names.length === 0 ? this.up : names.map((name) => this.node(name));
    const appliedAt = () => nodes.map((node) => node.running.status().appliedIndex);
    await this.until("all have applied the same", () => {
      const chosen = Math.max(...nodes.map((node) => node.running.status().chosenIndex));
      return appliedAt().every((index) => index === chosen);
    });
    const hashes = await this.complete(
      Promise.all(nodes.map((node) => node.administration.contentHash())),
    );
    const [first] = hashes;
    for (const [at, { hash, appliedIndex }] of hashes.entries()) {
      if (hash === first?.hash || appliedIndex !== first?.appliedIndex) continue;
      throw new Violation(
        "H: all nodes hold the same",
        `${nodes[0]?.name} has ${first.hash} at ${appliedIndex}`,
        `${nodes[at]?.name} has ${hash}`,
      );
    }
    return first?.hash ?? "";
  }

  /** Everything that needs no time to pass has happened. */
  async #settle(): Promise<void> {
    do await settle();
    while (this.#realWork > 0);
  }

  /** Virtual time stands still until `work` is done. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    this.#realWork += 1;
    try {
      return await work;
    } finally {
      this.#realWork -= 1;
    }
  }

  /** What every node says of itself, for people. */
  states(): string {
    return this.nodes
      .map((node) => {
        const text = node.isUp ? JSON.stringify(node.running.status()) : "down";
        const failure = node.failure === null ? "" : ` failed: ${node.failure.message}`;
        return `${node.name}: ${text}${failure}\n  ${node.log.slice(-8).join("\n  ")}`;
      })
      .join("\n");
  }

  async #run(node: SimulatedNode, text: string): Promise<readonly Row[]> {
    return runQuery(await this.#sessionOf(node), text);
  }

  async #sessionOf(node: SimulatedNode): Promise<Session> {
    const { life } = node;
    const known = this.#sessions.get(node);
    if (known?.life === life) return known.session;
    const session = await connect(node);
    this.#sessions.set(node, { life, session });
    return session;
  }
}

function connect(node: SimulatedNode, request: Partial<ConnectionRequest> = {}): Promise<Session> {
  return node.database.connect({
    user: "synod",
    database: "synod",
    parameters: new Map(),
    processId: 1,
    remoteAddress: "simulated",
    terminate: () => undefined,
    ...request,
  });
}

/** What a node that is no member yet says of itself. */
function helloOf({ name, incarnation }: Candidate): Hello {
  return {
    protocolVersion: PROTOCOL_VERSION,
    purpose: "join",
    clusterId: "",
    nodeId: nodeId(0),
    name,
    incarnation,
    target: nodeId(0),
    softwareVersion: "simulated",
  };
}

function roundOf(node: SimulatedNode): number {
  return Number.parseInt(node.running.status().ballot, 10);
}

function addressesOf(host: number): Addresses {
  return { sql: `n${host}:5432`, peer: `n${host}:7001`, http: `n${host}:8001` };
}

/** Directories that are there now: when this process ends before its cluster, they go as well. */
const directories = new Set<string>();
process.once("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function makeDirectory(): string {
  const directory = mkdtempSync(join(root(), "synod-nodes-"));
  directories.add(directory);
  return directory;
}

/** Memory where the system has a place for it: the SQLite files are thrown away. */
function root(): string {
  return existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
}

function asItIs(envelope: Envelope): Envelope {
  return envelope;
}

function foundersOf(count: number, window: number): readonly MemberIdentity[] {
  const membership: Membership = {
    members: Array.from({ length: count }, (_, at) => {
      const { peer, sql } = addressesOf(at + 1);
      const name = `n${at + 1}`;
      return { id: nodeId(at + 1), name, incarnation: `${name}-first`, peer, sql, voter: true };
    }),
    nextId: count + 1,
  };
  return membership.members.map(({ id, name, incarnation }) => ({
    kind: "member",
    name,
    incarnation,
    addresses: addressesOf(id),
    clusterId: CLUSTER,
    nodeId: id,
    window,
    membership: encodeMembership(membership),
  }));
}
