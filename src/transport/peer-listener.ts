import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "pino";
import { type Address, formatAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { PENDING_HANDSHAKES_MAX } from "../base/limits.ts";
import { refuse } from "./admission.ts";
import type { Frame } from "./frame.ts";
import type { Hello, HelloAnswer, Purpose } from "./hello.ts";
import { IncomingConnection } from "./incoming-connection.ts";

/** Takes the members' connections: the transport. */
export interface PeerReception {
  admit(hello: Hello): HelloAnswer;
  welcome(hello: Hello, connection: IncomingConnection): (frame: Frame) => void;
}

/** Answers one request of a node that is no member (yet). Rejecting closes its connection. */
export type RequestHandler = (hello: Hello, request: Uint8Array) => Promise<Uint8Array>;

/**
 * The peer port. It is opened before the node belongs to a cluster, because forming one needs it;
 * what is served there grows as the node gets on: first "form", then the members and "join".
 */
export class PeerListener {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #softwareVersion: string;
  readonly #connections = new Set<IncomingConnection>();
  readonly #handlers = new Map<Purpose, RequestHandler>();
  #peerReception: PeerReception | null = null;
  #pending = 0;

  private constructor(server: Server, settings: ListenerSettings) {
    this.#server = server;
    this.#clock = settings.clock;
    this.#log = settings.log;
    this.#softwareVersion = settings.softwareVersion;
  }

  /** Rejects with the system's error (EADDRINUSE, EACCES, …) if the port cannot be had. */
  static async open(address: Address, settings: ListenerSettings): Promise<PeerListener> {
    const server = createServer();
    const listener = new PeerListener(server, settings);
    server.on("connection", (socket) => listener.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => settings.log.error({ err: error }, "peer port failed"));
    return listener;
  }

  /** Where it listens, with the port that the system chose if 0 was asked for. */
  get address(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") return "";
    return formatAddress({ host: bound.address, port: bound.port });
  }

  /** From now on requests with this purpose are answered by `handler`. */
  serve(purpose: Exclude<Purpose, "peer">, handler: RequestHandler): void {
    this.#handlers.set(purpose, handler);
  }

  /** From now on members are let in as `reception` decides. */
  receivePeers(reception: PeerReception): void {
    this.#peerReception = reception;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.close(null);
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#pending >= PENDING_HANDSHAKES_MAX) {
      socket.destroy();
      return;
    }
    this.#pending += 1;
    const connection = new IncomingConnection(socket, this.#reception(), this.#clock, this.#log);
    this.#connections.add(connection);
    connection.onClose(() => this.#connections.delete(connection));
  }

  #reception() {
    return {
      admit: (hello: Hello) => this.#admit(hello),
      welcome: (hello: Hello, connection: IncomingConnection) => {
        const reception = this.#peerReception;
        return reception === null ? () => undefined : reception.welcome(hello, connection);
      },
      answer: (hello: Hello, request: Uint8Array) => this.#answer(hello, request),
      settled: () => {
        this.#pending -= 1;
      },
    };
  }

  #admit(hello: Hello): HelloAnswer {
    if (hello.purpose === "peer" && this.#peerReception !== null) {
      return this.#peerReception.admit(hello);
    }
    if (this.#handlers.has(hello.purpose)) {
      return { kind: "accepted", softwareVersion: this.#softwareVersion };
    }
    return refuse("noCluster", "this node is still starting and belongs to no cluster yet");
  }

  async #answer(hello: Hello, request: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(hello.purpose);
    if (handler === undefined) throw new Error(`nobody answers "${hello.purpose}" here`);
    return handler(hello, request);
  }
}

export interface ListenerSettings {
  readonly clock: Clock;
  readonly log: Logger;
  readonly softwareVersion: string;
}
