import { type Logger, pino } from "pino";
import { parseAddress } from "../base/address.ts";
import { systemFiles } from "../base/files.ts";
import { type NodeConfig, resolveConfig, resolveLogLevel } from "../node/config.ts";
import { DataDirectory } from "../node/data-directory.ts";
import { RefusedAfterContact } from "../node/enter-cluster.ts";
import { StartRefused } from "../node/start-refused.ts";
import type { RunningNode } from "../node/status.ts";
import { type Arguments, type FlagSpecification, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "./console.ts";
import { formatLogLine } from "./log-line.ts";
import { portProblem } from "./ports.ts";

const FLAGS: readonly FlagSpecification[] = [
  {
    name: "data",
    value: "DIR",
    help: "where the node keeps everything; a restart needs only this",
  },
  { name: "id", value: "NAME", help: "the node's name, such as n1" },
  { name: "sql", value: "HOST:PORT", help: "PostgreSQL clients connect here (127.0.0.1:5432)" },
  { name: "peer", value: "HOST:PORT", help: "the other nodes connect here (127.0.0.1:7001)" },
  {
    name: "http",
    value: "HOST:PORT",
    help: "health, status, metrics (127.0.0.1:8001); off for none",
  },
  { name: "bootstrap", value: "LIST", help: "first nodes of a new cluster: n1@HOST:PORT,n2@…" },
  {
    name: "join",
    value: "HOST:PORT,…",
    help: "enter a running cluster: peer addresses of members",
  },
  { name: "reads", value: "quorum", help: "how linearizable reads are confirmed" },
  { name: "snapshot-entries", value: "N", help: "snapshot after so many log entries (10000)" },
  { name: "snapshot-bytes", value: "SIZE", help: "… or so many bytes of them (64MiB)" },
  { name: "write-timeout-ms", value: "MS", help: "how long a write waits for a quorum (10000)" },
  {
    name: "session-timeout-ms",
    value: "MS",
    help: "how long a silent node's locks stay locked (10000)",
  },
  { name: "election-timeout-ms", value: "MS", help: "silence before an election, at least (300)" },
  { name: "heartbeat-ms", value: "MS", help: "how often a leader is heard (50)" },
  { name: "log-level", value: "LEVEL", help: "debug, info, warn or error (info)" },
  { name: "stop-on-stdin-end", value: null, help: "stop when standard input ends; ignore Ctrl-C" },
];

/**
 * Resolves once the node serves clients; rejects with StartRefused where waiting would not help.
 * `signal` is aborted when the process is asked to stop before that.
 */
export type StartNode = (
  config: NodeConfig,
  log: Logger,
  signal: AbortSignal,
) => Promise<RunningNode>;

/** `startNode` is the node itself, handed in so that the command can be tested without one. */
export function startCommand(startNode: StartNode): Command {
  return {
    name: "start",
    words: "",
    summary: "run one node",
    flags: FLAGS,
    run: (given, console) => run(given, console, startNode),
  };
}

async function run(given: Arguments, console: Console, startNode: StartNode): Promise<number> {
  if (given.words.length > 0) throw new UsageError(`start takes no ${given.words[0]}`);
  const { flags } = given;
  const path = flags.get("data");
  if (path === undefined) {
    throw new StartRefused(
      "say where the node keeps its data: --data DIR, such as --data ./data/n1",
    );
  }
  const level = resolveLogLevel(flags);
  const directory = await DataDirectory.open(systemFiles, path);
  let config: NodeConfig;
  try {
    config = resolveConfig(flags, directory, directory.current);
    await requirePorts(config);
  } catch (error) {
    await directory.abandon();
    throw error;
  }
  const log = openLog(config.name, level);
  const onStdinEnd = flags.has("stop-on-stdin-end");
  const stopRequest = waitForStop(onStdinEnd);
  try {
    return await runNode(startNode, { config, log, stopRequest, console });
  } finally {
    // A node that was refused or failed must not stay because its input is still open.
    if (onStdinEnd) process.stdin.destroy();
  }
}

async function runNode(startNode: StartNode, parts: Serving): Promise<number> {
  const { config, log, stopRequest } = parts;
  const abort = new AbortController();
  const started = enter(config, (known) => startNode(known, log, abort.signal));
  const node = await Promise.race([started, stopRequest.then(() => null)]);
  if (node !== null) return serve(node, parts);
  log.info("stopping while starting");
  // A wait for a cluster ends at once; what has been opened already is closed in its order.
  abort.abort();
  const late = await started.catch(() => null);
  await late?.stop();
  await config.directory.close();
  return EXIT_OK;
}

/** A start that is refused before anybody knows of this node leaves the disk as it was. */
async function enter(
  config: NodeConfig,
  start: (config: NodeConfig) => Promise<RunningNode>,
): Promise<RunningNode> {
  try {
    return await start(config);
  } catch (error) {
    const mayUndo = error instanceof StartRefused && !(error instanceof RefusedAfterContact);
    if (mayUndo && config.directory.current?.kind !== "member") await config.directory.abandon();
    throw error;
  }
}

interface Serving {
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly stopRequest: Promise<string>;
  readonly console: Console;
}

async function serve(node: RunningNode, serving: Serving): Promise<number> {
  const { config, log, stopRequest, console } = serving;
  const { sqlAddress, peerAddress, httpAddress } = node;
  log.info({ sql: sqlAddress, peer: peerAddress, http: httpAddress }, "started");
  const end = await Promise.race([stopRequest, node.failed]);
  if (typeof end === "string") log.info({ signal: end }, "stopping");
  else log.fatal({ err: end }, "the node cannot go on");
  await node.stop();
  await config.directory.close();
  if (typeof end === "string") {
    log.info("stopped");
    return EXIT_OK;
  }
  console.error(`synod: ${config.name} stopped: ${end.message}`);
  return EXIT_FAILED;
}

/** Before anything is written: a port that is taken refuses the start. */
async function requirePorts(config: NodeConfig): Promise<void> {
  for (const flag of ["sql", "peer", "http"] as const) {
    const text = config.addresses[flag];
    const address = text === null ? null : parseAddress(text);
    if (address === null) continue;
    const problem = await portProblem(address);
    if (problem !== null) throw new StartRefused(`${problem}: choose another with --${flag}`);
  }
}

/** JSON lines for machines, short lines for a terminal. */
function openLog(name: string, level: string): Logger {
  const options = { level, base: { node: name } };
  if (!process.stdout.isTTY) return pino(options);
  return pino(options, {
    write: (line) => process.stdout.write(`${formatLogLine(line.trimEnd())}\n`),
  });
}

/** Resolves with what asked for the stop. A second signal ends the process at once. */
function waitForStop(onStdinEnd: boolean): Promise<string> {
  return new Promise((resolve) => {
    const request = (signal: string): void => {
      resolve(signal);
      // An open standard input would keep the process alive.
      if (onStdinEnd) process.stdin.destroy();
      process.once("SIGTERM", () => process.exit(EXIT_FAILED));
      process.once("SIGINT", () => process.exit(EXIT_FAILED));
    };
    process.once("SIGTERM", request);
    if (!onStdinEnd) {
      process.once("SIGINT", request);
      return;
    }
    // Started by `synod demo`: the terminal's Ctrl-C reaches the whole group, but the demo stops its nodes itself.
    process.on("SIGINT", () => undefined);
    process.stdin.once("end", () => request("end of input"));
    process.stdin.once("error", () => request("end of input"));
    process.stdin.resume();
  });
}
