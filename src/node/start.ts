/**
 * Puts a node together, in the order in which its parts need each other, and takes it apart again.
 *
 *   peer port ─► member of a cluster ─► snapshots ─► state machine ─► WAL ─► core
 *             ─► transport ─► loop ─► HTTP ─► PostgreSQL port
 *
 * The PostgreSQL server is handed in by src/main's side (`openSqlServer`), because the node and the
 * protocol know each other only through the Database interface.
 */
import type { Logger } from "pino";
import { type Address, parseAddress } from "../base/address.ts";
import { systemClock } from "../base/clock.ts";
import { VERSION } from "../base/version.ts";
import type { Database } from "../sql/database.ts";
import { loadParser } from "../sql/parse.ts";
import { PeerListener } from "../transport/peer-listener.ts";
import type { NodeConfig } from "./config.ts";
import { enterCluster } from "./enter-cluster.ts";
import type { NodeMetrics } from "./metrics.ts";
import { NodeAssembly } from "./node-assembly.ts";
import { openStorage } from "./open-storage.ts";
import { StartRefused } from "./start-refused.ts";
import type { Administration, RunningNode, StatusSource } from "./status.ts";

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
    const storage = await openStorage({ config, identity, log, metrics: surroundings.metrics });
    const assembly = new NodeAssembly({ config, identity, storage, listener, surroundings });
    return await assembly.start();
  } catch (error) {
    await listener.close();
    throw error;
  }
}

function required(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new StartRefused(`${text} is no address`);
  return address;
}
