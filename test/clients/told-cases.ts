/** Cases that a program in another language performs and reports on, a line each. */
import { spawnSync } from "node:child_process";
import { runProgram } from "../support/cluster/program.ts";

/** By case: "ok", or what happened. */
export type ToldCases = ReadonlyMap<string, string>;

const DEADLINE_MS = 120_000;

/** Runs the program to its end; throws what it wrote if it ended early. */
export async function toldCases(program: string, args: readonly string[]): Promise<ToldCases> {
  const { code, stdout, stderr } = await runProgram(program, args, { deadlineMs: DEADLINE_MS });
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${stdout}${stderr}`);
  const lines = stdout.split("\n").flatMap((line): [string, string][] => {
    const [, not, name = "", problem = ""] = /^(not )?ok (\w+)(?:: (.*))?$/.exec(line) ?? [];
    if (name === "") return [];
    return [[name, not === undefined ? "ok" : problem]];
  });
  return new Map(lines);
}

/**
 * Whether the programs that a client's test needs are here. Where the change is judged (CI), a missing one
 * is an error that names the Debian packages; elsewhere the test is skipped with that message.
 */
export function hasClient(packages: string, program: string, args: readonly string[]): boolean {
  const { status } = spawnSync(program, args, { stdio: "ignore" });
  if (status === 0) return true;
  const message = `${program} ${args.join(" ")} does not run: apt-get install ${packages}`;
  if (process.env["CI"] === "true") throw new Error(message);
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}
