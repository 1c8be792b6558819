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
 * | 40003, class 08, the connection is lost, silence   | unknown |
 * | anything else                                      | unknown, and counted as unexpected |
 */
import pg from "pg";
import type { Random } from "../../../src/base/random.ts";
import type { OperationOutcome } from "../../checkers/history.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";

const CONNECT_MS = 1_500;
/** Above the nodes' own write timeout, so that a node that works answers first. */
const ANSWER_MS = 7_000;
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
    try {
      return { outcome: "ok", node, result: await work(client) };
    } catch (error) {
      const sqlState = error instanceof pg.DatabaseError ? (error.code ?? "") : "";
      const message = error instanceof Error ? error.message : String(error);
      const outcome = this.#classify(sqlState, message);
      // A refused statement leaves the connection as it was; anything else, and another is tried.
      if (!sqlState.startsWith("23")) this.disconnect();
      return { outcome, node, sqlState, message };
    }
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
    if (sqlState === "40003" || sqlState.startsWith("08") || sqlState === "") return "unknown";
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
