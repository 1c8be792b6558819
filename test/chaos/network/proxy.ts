/**
 * A TCP proxy between the nodes, in this process: every connection from node to node goes through
 * it, so that it can hold back, delay, cut and damage what any one sends to any other.
 *
 *   node A ── redirect.ts ──► proxy ──► node B
 *     "A 127.0.0.1:20001\n" first, then the connection's own bytes in both directions
 *
 * A connection that is opened while a direction is blocked is accepted and stays silent, as if its
 * first packet were on the way for ever.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { assert } from "../../../src/base/assert.ts";
import type { Random } from "../../../src/base/random.ts";
import { Flow, type FlowCounts, type FlowRules, quiet } from "./flow.ts";

const GREETING_BYTES_MAX = 256;
/** Compiled, also where this file runs as a source. */
const BUILT = import.meta.url.endsWith(".js") ? "" : "../../../dist/test/chaos/network/";

interface Connection {
  readonly from: string;
  readonly to: string;
  readonly sockets: readonly Socket[];
  readonly flows: readonly Flow[];
}

export class PeerProxy {
  readonly #server: Server;
  readonly #random: Random;
  readonly #names = new Map<string, string>();
  readonly #rules = new Map<string, FlowRules>();
  readonly #connections = new Set<Connection>();
  readonly #early = new Set<Socket>();
  readonly counts: FlowCounts = { cuts: 0, flips: 0 };

  private constructor(server: Server, random: Random) {
    this.#server = server;
    this.#random = random;
    server.on("connection", (socket) => this.#greet(socket));
  }

  static async listen(random: Random): Promise<PeerProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return new PeerProxy(server, random);
  }

  /** What a node's process must be started with. `peer`: where it listens. */
  environment(name: string, peer: string): Readonly<Record<string, string>> {
    this.#names.set(peer, name);
    const address = this.#server.address();
    assert(address !== null && typeof address === "object", "the proxy listens on a port");
    const module = new URL(`${BUILT}redirect.js`, import.meta.url).href;
    assert(fileURLToPath(module).includes("dist"), "the module is compiled");
    return {
      NODE_OPTIONS: `--import=${module}`,
      SYNOD_CHAOS_PROXY: String(address.port),
      SYNOD_CHAOS_NAME: name,
    };
  }

  /** The rules for what `from` sends to `to`; `apply` makes a change take effect. */
  rules(from: string, to: string): FlowRules {
    const key = `${from} ${to}`;
    const known = this.#rules.get(key) ?? quiet();
    this.#rules.set(key, known);
    return known;
  }

  apply(): void {
    for (const { flows } of this.#connections) for (const flow of flows) flow.pump();
  }

  /** Everything goes through again. */
  heal(): void {
    for (const rules of this.#rules.values()) Object.assign(rules, quiet());
    this.apply();
  }

  /** Resets the connections between two nodes. */
  reset(one: string, other: string): void {
    for (const connection of this.#connections) {
      const ends = [connection.from, connection.to];
      if (ends.includes(one) && ends.includes(other)) this.#reset(connection);
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) this.#reset(connection);
    for (const socket of this.#early) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Reads the line that says who dials whom. */
  #greet(socket: Socket): void {
    let received = Buffer.alloc(0);
    this.#early.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#early.delete(socket));
    const take = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\n");
      if (end < 0) {
        if (received.length > GREETING_BYTES_MAX) socket.destroy();
        return;
      }
      socket.off("data", take);
      socket.pause();
      this.#early.delete(socket);
      const [from = "", address = ""] = received.toString("utf8", 0, end).split(" ");
      const rest = received.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      this.#open(socket, from, address);
    };
    socket.on("data", take);
  }

  #open(socket: Socket, from: string, address: string): void {
    const to = this.#names.get(address) ?? address;
    const [host = "", port = ""] = address.split(":");
    const target = connect({ host, port: Number(port), noDelay: true });
    socket.setNoDelay(true);
    target.on("error", () => undefined);
    const there = this.#flow(socket, target, [from, to]);
    const back = this.#flow(target, socket, [to, from]);
    const connection = { from, to, sockets: [socket, target], flows: [there, back] };
    this.#connections.add(connection);
    const forget = (): void => {
      if (!socket.destroyed || !target.destroyed) return;
      for (const flow of connection.flows) flow.close();
      this.#connections.delete(connection);
    };
    socket.on("close", forget);
    target.on("close", forget);
  }

  #flow(source: Socket, target: Socket, [from, to]: readonly [string, string]): Flow {
    const reset = (): void => {
      source.resetAndDestroy();
      target.resetAndDestroy();
    };
    const { counts } = this;
    const rules = this.rules(from, to);
    return new Flow({ source, target, rules, counts, random: this.#random, reset });
  }

  #reset(connection: Connection): void {
    for (const socket of connection.sockets) socket.resetAndDestroy();
  }
}
