import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAddress } from "../base/address.ts";
import { systemFiles } from "../base/files.ts";
import { StartRefused } from "../node/start-refused.ts";
import { type Arguments, type FlagSpecification, UsageError } from "./arguments.ts";
import { type Command, programName } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "./console.ts";
import {
  BASE_PORT_MAX,
  DEFAULT_BASE_PORT,
  DEMO_NODES_MAX,
  type DemoSettings,
  demoInstructions,
  type PlannedNode,
  planDemo,
  restartCommand,
} from "./demo-plan.ts";
import { fetchReadiness } from "./node-client.ts";
import { NodeProcess } from "./node-process.ts";
import { portProblem } from "./ports.ts";

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
const STOP_MS_MAX = 10_000;
const READY_POLL_MS = 200;
const RESTART_DELAY_MS = 1_000;
const MAIN_PATH = fileURLToPath(new URL("../main.js", import.meta.url));

async function run(given: Arguments, console: Console): Promise<number> {
  const settings = await readSettings(given);
  const nodes = planDemo(settings);
  await requirePorts(nodes);
  await systemFiles.makeDirectory(resolve(settings.data));
  console.out(`starting ${nodes.length} nodes with their data in ${settings.data}`);
  const demo = new Demo(nodes, given.flags.has("restart"), console);
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
async function requirePorts(nodes: readonly PlannedNode[]): Promise<void> {
  for (const text of nodes.flatMap((node) => [node.sql, node.peer, node.http])) {
    const address = parseAddress(text);
    const problem = address === null ? `${text} is no address` : await portProblem(address);
    if (problem !== null) {
      throw new StartRefused(
        `${problem}: stop that, or move all ports with --base-port, such as: npm start -- --base-port 15432`,
      );
    }
  }
}

interface Running {
  readonly node: PlannedNode;
  process: NodeProcess;
}

/** A running local cluster, until it is told to stop or dies. */
class Demo {
  readonly #nodes: readonly PlannedNode[];
  readonly #restarts: boolean;
  readonly #console: Console;
  readonly #running: Running[] = [];
  #stopping = false;
  #isReady = false;
  /** Settles the run with its exit code. */
  #finish: (code: number) => void = () => undefined;

  constructor(nodes: readonly PlannedNode[], restarts: boolean, console: Console) {
    this.#nodes = nodes;
    this.#restarts = restarts;
    this.#console = console;
  }

  async run(): Promise<number> {
    const finished = new Promise<number>((settle) => {
      this.#finish = settle;
    });
    process.on("SIGINT", () => this.#onSignal());
    process.on("SIGTERM", () => this.#onSignal());
    for (const node of this.#nodes) {
      const running = { node, process: this.#spawn(node) };
      this.#running.push(running);
      this.#watch(running);
    }
    const ready = this.#waitUntilReady();
    const code = await finished;
    this.#stopping = true;
    await Promise.all(this.#running.map((running) => running.process.stop(STOP_MS_MAX)));
    await ready;
    this.#console.out("all nodes are stopped; the data stays");
    return code;
  }

  #spawn(node: PlannedNode): NodeProcess {
    const command = [process.execPath, MAIN_PATH, ...node.startArguments];
    return new NodeProcess(command, (line) => this.#console.out(`${node.name}| ${line}`));
  }

  #watch(running: Running): void {
    void running.process.ended.then(({ code, signal }) => {
      if (this.#stopping) return;
      const { node } = running;
      const how = signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
      if (!this.#isReady) {
        this.#console.error(`synod: ${node.name} ${how} before the cluster was ready`);
        this.#finish(EXIT_FAILED);
      } else if (this.#restarts) {
        this.#console.out(`${node.name} ${how}; starting it again`);
        setTimeout(() => this.#restart(running), RESTART_DELAY_MS);
      } else {
        this.#console.out(`${node.name} ${how}; start it again, in another terminal, with:`);
        this.#console.out(`  ${restartCommand(node, programName())}`);
        if (this.#running.every((other) => other.process.isOver)) {
          this.#console.error("synod: all nodes are gone");
          this.#finish(EXIT_FAILED);
        }
      }
    });
  }

  #restart(running: Running): void {
    if (this.#stopping) return;
    running.process = this.#spawn(running.node);
    this.#watch(running);
  }

  async #waitUntilReady(): Promise<void> {
    let lastSaid = "";
    for (;;) {
      const answers = await Promise.all(this.#nodes.map((node) => fetchReadiness(node.http)));
      if (this.#stopping) return;
      if (answers.every((answer) => answer.ready)) break;
      const waiting = this.#nodes.filter((_, at) => answers[at]?.ready !== true);
      const said = `waiting for ${waiting.map((node) => node.name).join(", ")}`;
      if (said !== lastSaid) this.#console.out(said);
      lastSaid = said;
      await new Promise((settle) => {
        setTimeout(settle, READY_POLL_MS);
      });
    }
    this.#isReady = true;
    const processIds = this.#running.map((running) => running.process.processId);
    for (const line of demoInstructions(this.#nodes, processIds, programName())) {
      this.#console.out(line);
    }
  }

  #onSignal(): void {
    if (this.#stopping) {
      this.#console.error("synod: killing the nodes");
      for (const running of this.#running) running.process.kill();
      process.exit(EXIT_FAILED);
    }
    this.#stopping = true;
    this.#console.out("stopping the nodes; press Ctrl-C again to kill them");
    this.#finish(EXIT_OK);
  }
}
