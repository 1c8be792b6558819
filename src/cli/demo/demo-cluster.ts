import { programName } from "../command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "../console.ts";
import { fetchReadiness } from "../node-client.ts";
import { demoInstructions, type PlannedNode, restartCommand } from "./demo-plan.ts";
import { NodeProcess } from "./node-process.ts";

const STOP_MS_MAX = 10_000;
const READY_POLL_MS = 200;
const RESTART_DELAY_MS = 1_000;

interface Running {
  readonly node: PlannedNode;
  process: NodeProcess;
}

/** How the nodes are run. */
export interface DemoOptions {
  /** The program and its first arguments, to which a node's own are added. */
  readonly program: readonly string[];
  /** Whether a node that died is started again. */
  readonly restarts: boolean;
}

/** A running local cluster, until it is told to stop or dies. */
export class DemoCluster {
  readonly #nodes: readonly PlannedNode[];
  readonly #options: DemoOptions;
  readonly #console: Console;
  readonly #running: Running[] = [];
  #stopping = false;
  #isReady = false;
  /** Settles the run with its exit code. */
  #finish: (code: number) => void = () => undefined;

  constructor(nodes: readonly PlannedNode[], options: DemoOptions, console: Console) {
    this.#nodes = nodes;
    this.#options = options;
    this.#console = console;
  }

  /** Resolves with the exit code once all nodes are gone. */
  async run(): Promise<number> {
    const finished = new Promise<number>((settle) => {
      this.#finish = settle;
    });
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
    const command = [...this.#options.program, ...node.startArguments];
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
      } else if (this.#options.restarts) {
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

  /** Stops the nodes in order; asked a second time, kills them. */
  stop(): void {
    if (this.#stopping) {
      this.#console.error("synod: killing the nodes");
      for (const running of this.#running) running.process.kill();
      return;
    }
    this.#stopping = true;
    this.#console.out("stopping the nodes; press Ctrl-C again to kill them");
    this.#finish(EXIT_OK);
  }
}
