/** Runs the built program, and other ones, to their end. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** This file is used as a source by the tests and compiled by the programs. */
const BUILT = import.meta.url.endsWith(".js") ? "../../../" : "../../../dist/";

/** The program under test; SYNOD_MAIN names another build. */
export const MAIN =
  process.env["SYNOD_MAIN"] ?? fileURLToPath(new URL(`${BUILT}src/main.js`, import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL after this. */
  readonly deadlineMs?: number;
  /** Called with the process id once it runs. */
  readonly onStarted?: (processId: number) => void;
}

const DEADLINE_MS = 60_000;

/** `synod` with these arguments. */
export function runSynod(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return runProgram(process.execPath, [MAIN, ...args], options);
}

export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      timeout: options.deadlineMs ?? DEADLINE_MS,
      killSignal: "SIGKILL",
    });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        texts[name] += text;
      });
    }
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, ...texts }));
    child.once("spawn", () => options.onStarted?.(child.pid ?? 0));
    // A program that ends early takes no more input; its exit says the rest.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
  });
}
