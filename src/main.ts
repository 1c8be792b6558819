/** The program: joins the node with its PostgreSQL and HTTP ports, and hands over to the command line. */
import type { Logger } from "pino";
import { formatAddress } from "./base/address.ts";
import { EXIT_FAILED, processConsole } from "./cli/console.ts";
import { runCommand } from "./cli/run.ts";
import { HttpServer } from "./http/http-server.ts";
import { PrometheusMetrics } from "./http/metrics.ts";
import type { NodeMetrics } from "./node/metrics.ts";
import { type Surroundings, startNode } from "./node/start.ts";
import type { WireLog, WireMetrics } from "./pgwire/observer.ts";
import { PgServer } from "./pgwire/server.ts";

const SQL_CONNECTIONS_MAX = 1000;
const SQL_CLOSE_MS_MAX = 3_000;

function surroundings(log: Logger, signal: AbortSignal): Surroundings {
  const metrics = new PrometheusMetrics();
  return {
    log,
    metrics,
    signal,
    async openSqlServer(database, { host, port }) {
      const server = new PgServer({
        database,
        host,
        port,
        maxConnections: SQL_CONNECTIONS_MAX,
        log: wireLog(log),
        metrics: wireMetrics(metrics),
      });
      const bound = await server.listen();
      return { address: formatAddress(bound), close: () => server.close(SQL_CLOSE_MS_MAX) };
    },
    openHttpServer: (served, address) => HttpServer.open(address, { ...served, metrics }, log),
  };
}

function wireLog(log: Logger): WireLog {
  return {
    clientError: (message, client) => log.debug(client, message),
    fault: (error, client) => log.error({ err: error, ...client }, "a statement failed inside"),
  };
}

function wireMetrics(metrics: NodeMetrics): WireMetrics {
  let sessions = 0;
  const count = (change: number): void => {
    sessions += change;
    metrics.setSessions(sessions);
  };
  return {
    sessionOpened: () => count(1),
    sessionClosed: () => count(-1),
    errorSent: (sqlState) => metrics.countError(sqlState),
  };
}

try {
  process.exitCode = await runCommand(
    process.argv.slice(2),
    processConsole,
    (config, log, signal) => startNode(config, surroundings(log, signal)),
  );
} catch (error) {
  processConsole.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = EXIT_FAILED;
}
