/** Processes that a benchmark starts: awaited, and stopped by their own pid. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command to its end; both streams are gathered. */
export function runToEnd(command: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const parts: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => parts.push(part));
    child.stderr.on("data", (part: Buffer) => parts.push(part));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output: Buffer.concat(parts).toString() }));
  });
}

/** As runToEnd; throws with the output if it fails. */
export async function mustRun(command: string, args: readonly string[]): Promise<string> {
  const { code, output } = await runToEnd(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${output}`);
  return output;
}

/** Starts a server; its output is dropped. */
export function startServer(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: ["ignore", "ignore", "ignore"] });
}

/** Asks a server to stop and waits; kills it after `deadlineMs`. */
export function stopServer(child: ChildProcess, deadlineMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
    child.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/** Tries until `attempt` returns something; throws after `deadlineMs`. */
export async function until<Value>(
  what: string,
  attempt: () => Promise<Value | null>,
  deadlineMs = 60_000,
): Promise<Value> {
  const endMs = Date.now() + deadlineMs;
  while (Date.now() < endMs) {
    const value = await attempt().catch(() => null);
    if (value !== null) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} took longer than ${deadlineMs} ms`);
}
