import { type ClusterNode, HOST } from "./cluster-node.ts";
import { type Finished, type RunOptions, runProgram } from "./program.ts";

/** psql against a node, without the user's own settings; `args` as typed. */
export function psql(
  node: ClusterNode,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const connection = ["-h", HOST, "-p", String(node.ports.sql), "-U", "synod"];
  const env = { PGCONNECT_TIMEOUT: "10", PGDATABASE: "synod", LC_ALL: "C.UTF-8" };
  return runProgram("psql", ["-X", "-v", "ON_ERROR_STOP=1", ...connection, ...args], {
    ...options,
    env: { ...env, ...options.env },
  });
}

/** The rows of one query as unaligned text: columns by |, rows by line. Rejects if psql fails. */
export async function psqlRows(
  node: ClusterNode,
  sql: string,
  database = "synod",
): Promise<readonly string[]> {
  const { code, stdout, stderr } = await psql(node, ["-d", database, "-At", "-c", sql]);
  if (code !== 0) throw new Error(`${node.name}: psql ended with ${code}: ${stderr}`);
  return stdout.split("\n").filter((line) => line !== "");
}
