/**
 * A client of the cluster as applications should be: it stays with one node as long as that answers
 * and goes to another one when it does not. It knows three outcomes of what it sent:
 *
 * | what came                                          | outcome |
 * | -------------------------------------------------- | ------- |
 * | rows or a tag                                      | ok      |
 * | no connection, so nothing was sent                 | failed  |
 * | 57P03, 57P01, 53200, 40001: "nothing was changed"  | failed  |
 * | a constraint's violation (class 23)                | failed  |
 * | 57014 before COMMIT, rolled back (it cancels some)  | failed  |
 * | 40003, class 08, the connection is lost, silence   | unknown |
 * | 57014 of a statement alone, or of COMMIT            | unknown |
 * | anything else                                      | unknown, and counted as unexpected |
 */
import { connect } from "node:net";
import pg from "pg";
import type { Random } from "../../../src/base/random.ts";
import type { OperationOutcome } from "../../checkers/history.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { GaveUp } from "./in-transaction.ts";

const CONNECT_MS = 1_500;
/** Above the nodes' own write timeout, so that a node that works answers first. */
const ANSWER_MS = 7_000;
/** One attempt of so many is cancelled, after at most so long. */
const CANCELS_ONE_OF = 6;
const CANCELS_MS_MAX = 30;
const CANCELLED = "57014";
const PROVED = new Set(["57P03", "57P01", "53200", "40001"]);

/** The message of an attempt that found no connection. */
export const NOT_SENT = "no connection";

export type Attempt<Result> =
  | { readonly outcome: "ok"; readonly node: string; readonly result: Result }
  | {
      readonly outcome: Exclude<OperationOutcome, "ok">;
      readonly node: string;
      /** Of the server's answer; empty if none came. */
      readonly sqlState: string;
      readonly message: string;
    };

export interface ClientParts {
  /** Nodes that may be asked now. */
  readonly nodes: () => readonly ClusterNode[];
  readonly random: Random;
  /** Run on every new connection. */
  readonly setup?: string;
}

export class ChaosClient {
  readonly #parts: ClientParts;
  /** Answers that nothing in this test explains, with how often they came. */
  readonly unexpected = new Map<string, number>();
  #client: pg.Client | null = null;
  #node = "";

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Does `work` once, on whichever node it is connected to. Never rejects. */
  async attempt<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Attempt<Result>> {
    const client = await this.#connected();
    const node = this.#node;
    if (client === null) {
      return { outcome: "failed", node, sqlState: "", message: NOT_SENT };
    }
    const stop = this.#mayCancel(client);
    try {
      return { outcome: "ok", node, result: await work(client) };
    } catch (error) {
      if (error instanceof GaveUp) {
        return { outcome: "failed", node, sqlState: CANCELLED, message: error.message };
      }
      const sqlState = error instanceof pg.DatabaseError ? (error.code ?? "") : "";
      const message = error instanceof Error ? error.message : String(error);
      const outcome = this.#classify(sqlState, message);
      // A refused statement leaves the connection as it was; anything else, and another is tried.
      if (!sqlState.startsWith("23") && sqlState !== CANCELLED) this.disconnect();
      return { outcome, node, sqlState, message };
    } finally {
      stop();
    }
  }

  /** Sends a CancelRequest for whatever the connection does by then, now and then. */
  #mayCancel(client: pg.Client): () => void {
    const { random } = this.#parts;
    if (random.below(CANCELS_ONE_OF) > 0) return () => undefined;
    const timer = setTimeout(() => cancel(client), random.below(CANCELS_MS_MAX));
    return () => clearTimeout(timer);
  }

  /** Whether the last attempt left a connection that can be used again. */
  get isConnected(): boolean {
    return this.#client !== null;
  }

  disconnect(): void {
    const client = this.#client;
    this.#client = null;
    if (client !== null) drop(client);
  }

  #classify(sqlState: string, message: string): "failed" | "unknown" {
    if (PROVED.has(sqlState) || sqlState.startsWith("23")) return "failed";
    if (
      sqlState === "40003" ||
      sqlState === CANCELLED ||
      sqlState.startsWith("08") ||
      sqlState === ""
    )
      return "unknown";
    const what = `${sqlState} ${message.slice(0, 100)}`;
    this.unexpected.set(what, (this.unexpected.get(what) ?? 0) + 1);
    return "unknown";
  }

  async #connected(): Promise<pg.Client | null> {
    if (this.#client !== null) return this.#client;
    const { nodes, random, setup } = this.#parts;
    const all = nodes();
    const node = all[random.below(Math.max(1, all.length))];
    if (node === undefined) return null;
    this.#node = node.name;
    const client = new pg.Client({
      host: node.place.host,
      port: node.ports.sql,
      user: "synod",
      database: "synod",
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
    });
    // The statement that runs rejects as well; between two of them the next one finds out.
    client.on("error", () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      await client.connect();
      if (setup !== undefined) await client.query(setup);
    } catch {
      drop(client);
      return null;
    }
    this.#client = client;
    return client;
  }
}

/** Closes a connection without waiting for the other side, which may be frozen. */
function drop(client: pg.Client): void {
  client.on("error", () => undefined);
  void client.end().catch(() => undefined);
  client.connection.stream.destroy();
}

/** Does `work` on one node over a connection of its own. Rejects if it fails. */
export async function withNode<Result>(
  node: ClusterNode,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    host: node.place.host,
    port: node.ports.sql,
    user: "synod",
    database: "synod",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: 2 * ANSWER_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    drop(client);
  }
}

/** A CancelRequest, over a connection of its own that nobody waits for. */
function cancel({ host, port, processID, secretKey }: CancellableClient): void {
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(CANCEL_REQUEST, 4);
  packet.writeInt32BE(processID ?? 0, 8);
  packet.writeInt32BE(secretKey ?? 0, 12);
  const socket = connect({ host, port });
  socket.on("error", () => undefined);
  socket.setTimeout(CONNECT_MS, () => socket.destroy());
  socket.end(packet);
}

const CANCEL_REQUEST = 80_877_102;

/** What pg keeps of its connection. */
type CancellableClient = pg.Client & {
  readonly processID?: number | null;
  readonly secretKey?: number | null;
};
