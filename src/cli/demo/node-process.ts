import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { formatLogLine } from "../log-line.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A node in a process of its own, whose output is passed on line by line. */
export class NodeProcess {
  readonly #child: ChildProcess;
  /** Settles when the process is gone and its output is read. */
  readonly ended: Promise<Ended>;
  #isOver = false;

  /**
   * `command` is the program and its arguments. The node stops when this process does, however that
   * ends, because its standard input ends then.
   */
  constructor(command: readonly string[], print: (line: string) => void) {
    const [program = "", ...typed] = command;
    this.#child = spawn(program, [...typed, "--stop-on-stdin-end"], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    passOn(this.#child.stdout, print);
    passOn(this.#child.stderr, print);
    // A node that died takes no end of input; its exit is reported below.
    this.#child.stdin?.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        print(error.message);
        this.#isOver = true;
        resolve({ code: null, signal: null });
      });
      this.#child.once("close", (code, signal) => {
        this.#isOver = true;
        resolve({ code, signal });
      });
    });
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** SIGTERM, and SIGKILL if it is still there after `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), deadlineMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    if (!this.#isOver) this.#child.kill("SIGKILL");
  }
}

function passOn(stream: Readable | null, print: (line: string) => void): void {
  if (stream === null) return;
  createInterface({ input: stream }).on("line", (line) => print(formatLogLine(line)));
}
