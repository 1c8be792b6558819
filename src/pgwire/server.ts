/** The TCP side: accepts clients, pumps bytes both ways no faster than either end takes them. */
import { createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import type { Database } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { Answers } from "./answers.ts";
import { CancelRegistry } from "./cancel-registry.ts";
import { INPUT_WAITING_BYTES_MAX, LARGE_MESSAGE_BYTES_DEFAULT, SPARE_SOCKETS } from "./limits.ts";
import type { WireLog, WireMetrics } from "./observer.ts";
import { ClientSession, type SessionEnvironment } from "./session.ts";

export interface PgServerOptions {
  readonly database: Database;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Sessions at one time; further clients get 53300. */
  readonly maxConnections: number;
  readonly log: WireLog;
  readonly metrics: WireMetrics;
  /** Longest Query, Parse or Bind in bytes; 16 MiB when left out. */
  readonly messageBytesMax?: number;
  readonly clock?: Clock;
}

const KEEP_ALIVE_MS = 60_000;

/** After our last byte the client may take this long to read it and hang up. */
const LINGER_MS = 1_000;

interface Client {
  readonly socket: Socket;
  readonly session: ClientSession;
  readonly done: Promise<void>;
}

export class PgServer {
  readonly #options: PgServerOptions;
  readonly #clock: Clock;
  readonly #environment: SessionEnvironment;
  readonly #server: Server;
  readonly #answers = new Answers();
  readonly #clients = new Set<Client>();
  #sessions = 0;
  #closing = false;

  constructor(options: PgServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#environment = {
      database: options.database,
      cancelKeys: new CancelRegistry(),
      clock: this.#clock,
      log: options.log,
      metrics: options.metrics,
      largeMessageBytesMax: options.messageBytesMax ?? LARGE_MESSAGE_BYTES_DEFAULT,
      admit: () => {
        this.#admit();
      },
      release: () => {
        this.#sessions -= 1;
        options.metrics.sessionClosed();
      },
    };
    this.#server = createServer(
      {
        // A client may finish sending and still wait for its answers.
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
      },
      (socket) => {
        this.#accept(socket);
      },
    );
    this.#server.maxConnections = options.maxConnections + SPARE_SOCKETS;
  }

  /** Clients that are connected, those without a session included. */
  get connectionCount(): number {
    return this.#clients.size;
  }

  /** Starts to accept clients. Rejects with the system's error (EADDRINUSE …). */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    // Errors while accepting (no file descriptor left) concern one client, not the server.
    this.#server.on("error", (error) => {
      this.#options.log.fault(error, { remoteAddress: "", processId: 0 });
    });
    const address = this.#server.address();
    const actual = typeof address === "object" && address !== null ? address.port : port;
    return { host, port: actual };
  }

  /**
   * Stops: no new clients; those that wait are told 57P01 and let go at once, those with a running
   * statement when it has ended. After `deadlineMs` the rest is cut off. Idempotent.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const { session } of this.#clients) session.shutdown();
    const allDone = Promise.all(Array.from(this.#clients, ({ done }) => done));
    let deadline: Timer | undefined;
    const cutOff = new Promise<void>((resolve) => {
      deadline = this.#clock.after(deadlineMs, () => {
        for (const { session, socket } of this.#clients) {
          socket.destroy();
          session.abandon();
        }
        resolve();
      });
    });
    await Promise.race([allDone, cutOff]);
    deadline?.cancel();
    await stopped;
  }

  #admit(): void {
    if (this.#closing) throw new SqlError("57P03", "the database system is shutting down");
    if (this.#sessions >= this.#options.maxConnections) {
      throw new SqlError("53300", "sorry, too many clients already");
    }
    this.#sessions += 1;
    this.#options.metrics.sessionOpened();
  }

  #accept(socket: Socket): void {
    const session = new ClientSession(this.#environment, {
      remoteAddress: socket.remoteAddress ?? "",
      write: (bytes) => this.#answers.send(socket, bytes),
      onInputWanted: () => {
        socket.resume();
      },
    });
    let over = false;
    socket.on("data", (chunk: Buffer) => {
      if (over) return;
      session.receive(chunk);
      if (session.waitingBytes > INPUT_WAITING_BYTES_MAX) socket.pause();
    });
    socket.on("end", () => {
      session.inputEnded();
    });
    socket.on("close", () => {
      session.disconnected();
    });
    // "close" follows, and a client that went away is nobody's error.
    socket.on("error", () => undefined);
    const done = session.run().then(() => {
      over = true;
      return this.#hangUp(socket);
    });
    const client = { socket, session, done };
    this.#clients.add(client);
    void done.then(() => this.#clients.delete(client));
    if (this.#closing) session.shutdown();
  }

  /**
   * Sends what is left and closes. What the client still sends is read and dropped: closing a
   * socket with unread input would reset it, and the client could lose our last message.
   */
  async #hangUp(socket: Socket): Promise<void> {
    if (socket.destroyed) return;
    const closed = new Promise<void>((resolve) => {
      socket.once("close", () => {
        resolve();
      });
    });
    const linger = this.#clock.after(LINGER_MS, () => {
      socket.destroy();
    });
    socket.end();
    socket.resume();
    await closed;
    linger.cancel();
  }
}
