/** One node of the built program in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeStatus } from "../../../src/node/status.ts";
import { eventually } from "./eventually.ts";
import { freePorts } from "./ports.ts";
import { MAIN } from "./program.ts";

export interface NodePorts {
  readonly sql: number;
  readonly peer: number;
  readonly http: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ContentHash {
  readonly appliedIndex: number;
  readonly hash: string;
}

export const HOST = "127.0.0.1";
const READY_MS = 40_000;
const HTTP_MS = 5_000;

export class ClusterNode {
  readonly name: string;
  readonly ports: NodePorts;
  readonly data: string;
  readonly #logPath: string;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  private constructor(name: string, directory: string, ports: NodePorts) {
    this.name = name;
    this.ports = ports;
    this.data = join(directory, name);
    this.#logPath = join(directory, `${name}.log`);
  }

  /** A node that does not run yet, with free ports of its own. */
  static async make(name: string, directory: string): Promise<ClusterNode> {
    const [sql = 0, peer = 0, http = 0] = await freePorts(3);
    return new ClusterNode(name, directory, { sql, peer, http });
  }

  get peerAddress(): string {
    return `${HOST}:${this.ports.peer}`;
  }

  get httpAddress(): string {
    return `${HOST}:${this.ports.http}`;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get processId(): number {
    const processId = this.#child?.pid;
    if (processId === undefined) throw new Error(`${this.name} does not run`);
    return processId;
  }

  /** Settles when the process that was started last has ended. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  /** What it wrote since it was first started. */
  get log(): string {
    try {
      return readFileSync(this.#logPath, "utf8");
    } catch {
      return "";
    }
  }

  /** The first start: with a name, addresses and how to get a cluster. */
  startNew(flags: readonly string[]): void {
    const { sql, peer, http } = this.ports;
    const addresses = ["--sql", `${HOST}:${sql}`, "--peer", `${HOST}:${peer}`];
    this.start(["--id", this.name, ...addresses, "--http", `${HOST}:${http}`, ...flags]);
  }

  /** Starts the process, by default as after a reboot: its directory knows the rest. */
  start(flags: readonly string[] = []): void {
    if (this.#child !== null) throw new Error(`${this.name} runs already`);
    const output = openSync(this.#logPath, "a");
    // Its standard input ends with this process, however that ends: no node outlives the tests.
    const args = [MAIN, "start", "--data", this.data, "--stop-on-stdin-end", ...flags];
    const child = spawn(process.execPath, args, { stdio: ["pipe", output, output] });
    closeSync(output);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#child = null;
        resolve({ code, signal });
      });
    });
  }

  /** kill -9, and waits until the process is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGTERM, and waits for the end. */
  stop(): Promise<Exit> {
    this.#child?.kill("SIGTERM");
    return this.#exited;
  }

  /** SIGSTOP: alive, but nothing moves. */
  freeze(): void {
    process.kill(this.processId, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.processId, "SIGCONT");
  }

  /** Waits until it says that clients should be sent here; rejects at once if it has ended. */
  async ready(deadlineMs = READY_MS): Promise<void> {
    const end = await eventually(`${this.name} is ready`, deadlineMs, async () => {
      if (!this.isRunning) return { ended: true };
      const { code, body } = await this.get("/readyz");
      if (code !== 200) throw new Error(body.trim());
      return { ended: false };
    });
    if (end.ended) throw new Error(`${this.name} has ended before it was ready`);
  }

  async status(): Promise<NodeStatus> {
    return JSON.parse((await this.get("/status")).body) as NodeStatus;
  }

  /** Of everything that SQL can see, with the slot to which it belongs. */
  async contentHash(): Promise<ContentHash> {
    const { code, body } = await this.get("/admin/content-hash");
    if (code !== 200) throw new Error(`${this.name}: ${body}`);
    return JSON.parse(body) as ContentHash;
  }

  async get(path: string): Promise<{ code: number; body: string; contentType: string }> {
    const response = await fetch(`http://${this.httpAddress}${path}`, {
      headers: { "x-synod-admin": "1", connection: "close" },
      signal: AbortSignal.timeout(HTTP_MS),
    });
    const contentType = response.headers.get("content-type") ?? "";
    return { code: response.status, body: await response.text(), contentType };
  }
}
