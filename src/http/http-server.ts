import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "pino";
import { type Address, formatAddress } from "../base/address.ts";
import { HTTP_BODY_BYTES_MAX, HTTP_CONNECTIONS_MAX } from "../base/limits.ts";
import { ADMIN_HEADER, type Answer, answerRequest, type Served, text } from "./routes.ts";

/** A client that takes longer is cut off. */
export interface HttpTimeouts {
  readonly headersMs: number;
  /** Headers and body. */
  readonly requestMs: number;
}

const TIMEOUTS: HttpTimeouts = { headersMs: 5_000, requestMs: 10_000 };
/** How often the timeouts are looked at. */
const CHECK_INTERVAL_MS = 1_000;
/** A connection on which nothing moves, answers under way included. */
const IDLE_MS_MAX = 60_000;
const KEEP_ALIVE_MS = 5_000;

/** The HTTP port: health, status, metrics, administration. */
export class HttpServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Rejects with the system's error (EADDRINUSE, …) if the port cannot be had. */
  static async open(
    address: Address,
    served: Served,
    log: Logger,
    timeouts = TIMEOUTS,
  ): Promise<HttpServer> {
    const server = createServer(
      {
        headersTimeout: timeouts.headersMs,
        requestTimeout: timeouts.requestMs,
        connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, timeouts.headersMs),
      },
      (request, response) => {
        handle(served, request).then(
          (answer) => respond(request, response, answer),
          (error: unknown) => {
            if (request.socket.destroyed) return;
            log.error({ err: error, path: request.url }, "request failed");
            respond(request, response, text(500, "internal error; see the node's log\n"));
          },
        );
      },
    );
    server.maxConnections = HTTP_CONNECTIONS_MAX;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.setTimeout(IDLE_MS_MAX);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => log.error({ err: error }, "HTTP port failed"));
    return new HttpServer(server);
  }

  /** Where it listens, with the port that the system chose if 0 was asked for. */
  get address(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") return "";
    return formatAddress({ host: bound.address, port: bound.port });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function handle(served: Served, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request);
  if (body === null) return { ...text(413, "too long\n"), headers: { connection: "close" } };
  return answerRequest(served, {
    method: request.method ?? "",
    path: (request.url ?? "").split("?", 1)[0] ?? "",
    body,
    remoteAddress: request.socket.remoteAddress ?? "",
    hasAdminHeader: request.headers[ADMIN_HEADER] !== undefined,
    host: request.headers.host ?? "",
  });
}

/** Null if it is longer than allowed. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > HTTP_BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.code, {
    "content-type": answer.contentType,
    "content-length": body.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
