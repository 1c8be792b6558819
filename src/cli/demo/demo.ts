import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAddress } from "../../base/address.ts";
import { systemFiles } from "../../base/files.ts";
import { StartRefused } from "../../node/start-refused.ts";
import { type Arguments, type FlagSpecification, UsageError } from "../arguments.ts";
import type { Command } from "../command.ts";
import type { Console } from "../console.ts";
import { portProblem } from "../ports.ts";
import { DemoCluster } from "./demo-cluster.ts";
import {
  BASE_PORT_MAX,
  DEFAULT_BASE_PORT,
  DEMO_NODES_MAX,
  type DemoSettings,
  type PlannedNode,
  planDemo,
} from "./demo-plan.ts";

const FLAGS: readonly FlagSpecification[] = [
  {
    name: "nodes",
    value: "N",
    help: `how many, 1 to ${DEMO_NODES_MAX} (3, or as many as DIR has)`,
  },
  { name: "data", value: "DIR", help: "where they keep their data (data/demo)" },
  {
    name: "base-port",
    value: "PORT",
    help: `first port for psql (${DEFAULT_BASE_PORT}); all others move along`,
  },
  { name: "log-level", value: "LEVEL", help: "of the nodes: debug, info, warn or error (info)" },
  { name: "restart", value: null, help: "start a node again by itself when it dies" },
];

export const demoCommand: Command = {
  name: "demo",
  words: "",
  summary: "run a local cluster, each node in a process of its own",
  flags: FLAGS,
  run,
};

const DEFAULT_DATA = "data/demo";
const DEFAULT_NODES = 3;
/** To move all ports to; the second one where the first one is what was taken. */
const EXAMPLE_BASE_PORTS = [15432, 25432] as const;
const MAIN_PATH = fileURLToPath(new URL("../../main.js", import.meta.url));

async function run(given: Arguments, console: Console): Promise<number> {
  const settings = await readSettings(given);
  const nodes = planDemo(settings);
  await requirePorts(nodes, settings.basePort);
  await systemFiles.makeDirectory(resolve(settings.data));
  console.out(`starting ${nodes.length} nodes with their data in ${settings.data}`);
  const options = { program: [process.execPath, MAIN_PATH], restarts: given.flags.has("restart") };
  const demo = new DemoCluster(nodes, options, console);
  process.on("SIGINT", () => demo.stop());
  process.on("SIGTERM", () => demo.stop());
  return demo.run();
}

async function readSettings(given: Arguments): Promise<DemoSettings> {
  if (given.words.length > 0) throw new UsageError(`demo takes no ${given.words[0]}`);
  const { flags } = given;
  const data = flags.get("data") ?? DEFAULT_DATA;
  const nodes = wholeNumber(flags.get("nodes"), "--nodes", DEMO_NODES_MAX);
  const present = (await systemFiles.list(resolve(data))).filter((name) => /^n\d+$/.test(name));
  if (nodes !== null && present.length > 0 && nodes !== present.length) {
    throw new StartRefused(
      `${data} holds a cluster of ${present.length} nodes: leave out --nodes, or choose another --data`,
    );
  }
  return {
    data,
    nodes: nodes ?? (present.length || DEFAULT_NODES),
    basePort:
      wholeNumber(flags.get("base-port"), "--base-port", BASE_PORT_MAX) ?? DEFAULT_BASE_PORT,
    logLevel: flags.get("log-level") ?? "info",
  };
}

function wholeNumber(text: string | undefined, flag: string, max: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new StartRefused(`${flag} ${text}: give a whole number from 1 to ${max}`);
}

/** Before anything is started: all ports or none. */
async function requirePorts(nodes: readonly PlannedNode[], basePort: number): Promise<void> {
  const [first, second] = EXAMPLE_BASE_PORTS;
  const example = Math.abs(basePort - first) < DEMO_NODES_MAX ? second : first;
  for (const text of nodes.flatMap((node) => [node.sql, node.peer, node.http])) {
    const address = parseAddress(text);
    const problem = address === null ? `${text} is no address` : await portProblem(address);
    if (problem !== null) {
      throw new StartRefused(
        `${problem}: stop that, or move all ports with --base-port, such as: npm start -- --base-port ${example}`,
      );
    }
  }
}
