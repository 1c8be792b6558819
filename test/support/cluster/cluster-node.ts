/** One node of the built program in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeStatus } from "../../../src/node/status.ts";
import { eventually } from "./eventually.ts";
import { freePorts } from "./ports.ts";
import { MAIN, runProgram } from "./program.ts";

export interface NodePorts {
  readonly sql: number;
  readonly peer: number;
  readonly http: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface HttpAnswer {
  readonly code: number;
  readonly body: string;
  readonly contentType: string;
}

export interface ContentHash {
  readonly appliedIndex: number;
  readonly hash: string;
}

export const HOST = "127.0.0.1";

/** Where and how a node's process runs; without it on the loopback interface, as it is. */
export interface NodePlace {
  /** The address at which it is reached. */
  readonly host: string;
  readonly ports: NodePorts;
  /** Below which it keeps its data, if not beside its log. */
  readonly dataDirectory?: string;
  /** Where it listens for HTTP, if not at `host` alone. */
  readonly httpHost?: string;
  /** Program and arguments before the node's own, such as `ip netns exec NAME`; may be empty. */
  readonly wrapper: readonly string[];
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}
const READY_MS = 40_000;
const HTTP_MS = 5_000;
/** Administration reads everything or waits for a decision of the log. */
const ADMIN_MS = 30_000;

export class ClusterNode {
  readonly name: string;
  readonly data: string;
  readonly place: NodePlace;
  readonly #logPath: string;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  constructor(name: string, directory: string, place: NodePlace) {
    this.name = name;
    this.place = place;
    this.data = join(place.dataDirectory ?? directory, name);
    this.#logPath = join(directory, `${name}.log`);
  }

  /** A node that does not run yet, with free ports of its own. */
  static async make(name: string, directory: string): Promise<ClusterNode> {
    const [sql = 0, peer = 0, http = 0] = await freePorts(3);
    const ports = { sql, peer, http };
    return new ClusterNode(name, directory, { host: HOST, ports, wrapper: [], env: {} });
  }

  get ports(): NodePorts {
    return this.place.ports;
  }

  get peerAddress(): string {
    return `${this.place.host}:${this.ports.peer}`;
  }

  get httpAddress(): string {
    return `${this.place.host}:${this.ports.http}`;
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
    const sql = `${this.place.host}:${this.ports.sql}`;
    const http = `${this.place.httpHost ?? this.place.host}:${this.ports.http}`;
    const addresses = ["--sql", sql, "--peer", this.peerAddress, "--http", http];
    this.start(["--id", this.name, ...addresses, ...flags]);
  }

  /** Starts the process, by default as after a reboot: its directory knows the rest. */
  start(flags: readonly string[] = []): void {
    if (this.#child !== null) throw new Error(`${this.name} runs already`);
    const output = openSync(this.#logPath, "a");
    // Its standard input ends with this process, however that ends: no node outlives the tests.
    const { wrapper, env } = this.place;
    const node = [process.execPath, MAIN, "start", "--data", this.data, "--stop-on-stdin-end"];
    const [program = "", ...args] = [...wrapper, ...node, ...flags];
    const child = spawn(program, args, {
      stdio: ["pipe", output, output],
      env: { ...process.env, ...env },
    });
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
    if (!end.ended) return;
    const lastLine = this.log.trimEnd().split("\n").at(-1) ?? "";
    throw new Error(`${this.name} has ended before it was ready; its last words: ${lastLine}`);
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

  get(path: string): Promise<HttpAnswer> {
    return this.#request(path, { method: "GET" });
  }

  post(path: string, body: unknown): Promise<HttpAnswer> {
    return this.#request(path, { method: "POST", body: JSON.stringify(body) });
  }

  async #request(path: string, init: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    const { wrapper } = this.place;
    const headers = { "x-synod-admin": "1", connection: "close" };
    if (wrapper.length > 0 && path.startsWith("/admin/")) {
      // Administration is answered to the machine itself only: asked from where the node runs.
      const url = `http://${HOST}:${this.ports.http}${path}`;
      return requestFrom(wrapper, [url, JSON.stringify({ ...init, headers })]);
    }
    const response = await fetch(`http://${this.httpAddress}${path}`, {
      ...init,
      headers,
      signal: AbortSignal.timeout(path.startsWith("/admin/") ? ADMIN_MS : HTTP_MS),
    });
    const contentType = response.headers.get("content-type") ?? "";
    return { code: response.status, body: await response.text(), contentType };
  }
}

const REQUEST = `
  const [url, init] = process.argv.slice(1);
  const response = await fetch(url, JSON.parse(init));
  const contentType = response.headers.get("content-type") ?? "";
  process.stdout.write(JSON.stringify({ code: response.status, body: await response.text(), contentType }));`;

async function requestFrom(
  wrapper: readonly string[],
  args: readonly string[],
): Promise<HttpAnswer> {
  const [program, ...rest] = [...wrapper, process.execPath];
  const all = [...rest, "--input-type=module", "-e", REQUEST, ...args];
  const { code, stdout, stderr } = await runProgram(program, all, { deadlineMs: ADMIN_MS });
  if (code !== 0) throw new Error(stderr.trimEnd().split("\n").at(-1));
  return JSON.parse(stdout) as HttpAnswer;
}
