/**
 * Puts a node together, in the order in which its parts need each other, and takes it apart again.
 *
 *   peer port ─► member of a cluster ─► snapshots ─► state machine ─► WAL ─► core
 *             ─► transport ─► loop ─► HTTP ─► PostgreSQL port
 *
 * The PostgreSQL server is handed in by src/main's side (`openSqlServer`), because the node and the
 * protocol know each other only through the Database interface.
 */
import { nanoid } from "nanoid";
import type { Logger } from "pino";
import { type Address, parseAddress } from "../base/address.ts";
import { systemClock } from "../base/clock.ts";
import { systemFiles } from "../base/files.ts";
import { systemRandom } from "../base/random.ts";
import { VERSION } from "../base/version.ts";
import { WorkerMachine } from "../machine/worker-machine.ts";
import type { Database } from "../sql/database.ts";
import { loadParser } from "../sql/parse.ts";
import { exchange } from "../transport/exchange.ts";
import { PeerListener } from "../transport/peer-listener.ts";
import { TcpTransport } from "../transport/tcp-transport.ts";
import type { NodeConfig } from "./config.ts";
import { enterCluster } from "./enter-cluster.ts";
import type { MemberIdentity } from "./identity.ts";
import type { NodeMetrics } from "./metrics.ts";
import { NodeAssembly, type World } from "./node-assembly.ts";
import { openStorage, type Storage } from "./open-storage.ts";
import { StartRefused } from "./start-refused.ts";
import type { Administration, RunningNode, StatusSource } from "./status.ts";
import { TranslatorThread } from "./translator-thread.ts";

/** A port that the node opens and closes with itself. */
export interface OpenServer {
  readonly address: string;
  close(): Promise<void>;
}

/** What the process puts around the node. */
export interface Surroundings {
  readonly log: Logger;
  readonly metrics: NodeMetrics;
  openSqlServer(database: Database, address: Address): Promise<OpenServer>;
  openHttpServer(
    served: { source: StatusSource; administration: Administration },
    address: Address,
  ): Promise<OpenServer>;
  /** Aborted: the process was asked to stop while the node waits for a cluster. */
  readonly signal: AbortSignal;
}

/** α: how many slots may be open; part of what a cluster agrees on when it is founded. */
const WINDOW_SLOTS = 64;
const SEGMENT_BYTES = 64 * 1024 * 1024;

/**
 * Starts a node and resolves when it serves clients. Rejects with StartRefused where the operator
 * must change something, and with other errors if this machine fails.
 */
export async function startNode(
  config: NodeConfig,
  surroundings: Surroundings,
): Promise<RunningNode> {
  const { log, signal } = surroundings;
  await loadParser();
  const listener = await PeerListener.open(required(config.addresses.peer), {
    clock: systemClock,
    log,
    softwareVersion: VERSION,
  });
  try {
    const identity = await enterCluster({
      config,
      store: config.directory,
      listener,
      clock: systemClock,
      log,
      softwareVersion: VERSION,
      window: WINDOW_SLOTS,
      signal,
    });
    const storage = await openOnDisk(config, identity, surroundings);
    const local = { ...identity, id: identity.nodeId, softwareVersion: VERSION };
    const settings = { local, clock: systemClock, random: systemRandom, log };
    const transport = new TcpTransport(listener, settings);
    const world = systemWorld();
    const parts = { config, identity, storage, transport, peerPort: listener, surroundings, world };
    return await new NodeAssembly(parts).start();
  } catch (error) {
    await listener.close();
    throw error;
  }
}

function openOnDisk(
  config: NodeConfig,
  identity: MemberIdentity,
  { log, metrics }: Surroundings,
): Promise<Storage> {
  const { directory } = config;
  const world = { files: systemFiles, clock: systemClock, random: systemRandom };
  return openStorage({
    ...world,
    paths: directory,
    segmentBytes: SEGMENT_BYTES,
    makeMachine: (onFailure) =>
      new WorkerMachine({ directory: directory.machinePath, node: identity.nodeId, onFailure }),
    identity,
    log,
    metrics,
  });
}

function systemWorld(): World {
  return {
    clock: systemClock,
    random: systemRandom,
    nonce: nanoid(),
    defer: (action) => setImmediate(action),
    translator: new TranslatorThread(),
    exchange: (question) => exchange(question, systemClock),
  };
}

function required(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new StartRefused(`${text} is no address`);
  return address;
}
