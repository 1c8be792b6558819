import { join } from "node:path";
import { parseAddress } from "../../base/address.ts";

/** One node of a local cluster: where it keeps its data and where it listens. */
export interface PlannedNode {
  readonly name: string;
  readonly data: string;
  readonly sql: string;
  readonly peer: string;
  readonly http: string;
  /** Arguments of `synod` that start it. */
  readonly startArguments: readonly string[];
}

export const DEMO_NODES_MAX = 9;
export const DEFAULT_BASE_PORT = 5432;

const HOST = "127.0.0.1";
/** Ports move together with the base port, so that two demos do not meet. */
const PEER_OFFSET = 7001 - DEFAULT_BASE_PORT;
const HTTP_OFFSET = 8001 - DEFAULT_BASE_PORT;
export const BASE_PORT_MAX = 65_535 - HTTP_OFFSET - DEMO_NODES_MAX;

export interface DemoSettings {
  readonly nodes: number;
  readonly data: string;
  readonly basePort: number;
  readonly logLevel: string;
}

export function planDemo(settings: DemoSettings): readonly PlannedNode[] {
  const places = Array.from({ length: settings.nodes }, (_, at) => ({
    name: `n${at + 1}`,
    data: join(settings.data, `n${at + 1}`),
    sql: `${HOST}:${settings.basePort + at}`,
    peer: `${HOST}:${settings.basePort + PEER_OFFSET + at}`,
    http: `${HOST}:${settings.basePort + HTTP_OFFSET + at}`,
  }));
  const bootstrap = places.map((place) => `${place.name}@${place.peer}`).join(",");
  return places.map((place) => ({
    ...place,
    startArguments: [
      "start",
      `--id=${place.name}`,
      `--data=${place.data}`,
      `--sql=${place.sql}`,
      `--peer=${place.peer}`,
      `--http=${place.http}`,
      `--bootstrap=${bootstrap}`,
      `--log-level=${settings.logLevel}`,
    ],
  }));
}

/** What to type to use the cluster, to break it, and to make it grow. */
export function demoInstructions(
  nodes: readonly PlannedNode[],
  processIds: readonly number[],
  program: string,
): readonly string[] {
  const https = nodes.map((node) => node.http).join(",");
  const lines = ["", "The cluster is ready. Connect to any node; all take reads and writes:"];
  for (const node of nodes) lines.push(`  ${psqlCommand(node)}`);
  lines.push("", "See who leads:", `  ${program} status --http ${https}`);
  lines.push("", "Kill a node (writes go on), then start it again:");
  nodes.forEach((node, at) => {
    lines.push(
      `  kill -9 ${processIds[at]}   # ${node.name}; again: ${restartCommand(node, program)}`,
    );
  });
  const first = nodes[0];
  if (first !== undefined) {
    lines.push("", "Let one more node join, in another terminal:");
    lines.push(`  ${joinCommand(first, nodes.length, program)}`);
  }
  lines.push("", "Ctrl-C stops the cluster; the data stays and is used by the next start.", "");
  return lines;
}

/** A restart needs nothing but the directory. */
export function restartCommand(node: PlannedNode, program: string): string {
  return `${program} start --data ${node.data}`;
}

function psqlCommand(node: PlannedNode): string {
  return `psql -h ${HOST} -p ${portOf(node.sql)} -U synod   # ${node.name}`;
}

function joinCommand(first: PlannedNode, count: number, program: string): string {
  const name = `n${count + 1}`;
  const next = (address: string): string => `${HOST}:${portOf(address) + count}`;
  return `${program} start --id ${name} --data ./data/${name} --join ${first.peer} --sql ${next(first.sql)} --peer ${next(first.peer)} --http ${next(first.http)}`;
}

function portOf(address: string): number {
  return parseAddress(address)?.port ?? 0;
}
