/**
 * PostgreSQL with two standbys of which one must confirm each commit
 * (synchronous_standby_names = 'ANY 1 (s1,s2)'): the same promise as a quorum of three.
 */
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun, runToEnd, startServer, stopServer, until } from "./child.ts";
import { freePorts } from "./ports.ts";
import type { Contender } from "./target.ts";

const VERSIONS = "/usr/lib/postgresql";
const HOST = "127.0.0.1";
const isRoot = process.getuid?.() === 0;

/** The directory of PostgreSQL's server binaries; null if there are none. */
export function postgresBinaries(): string | null {
  if (!existsSync(VERSIONS)) return null;
  const newest = readdirSync(VERSIONS)
    .toSorted((left, right) => Number(left) - Number(right))
    .at(-1);
  const directory = join(VERSIONS, newest ?? "", "bin");
  return existsSync(join(directory, "initdb")) ? directory : null;
}

export async function startPostgres(binaries: string): Promise<Contender> {
  const root = mkdtempSync(join(tmpdir(), "postgres-bench-"));
  chmodSync(root, 0o755);
  if (isRoot) await mustRun("chown", ["postgres", root]);
  const [primaryPort = 0, ...standbyPorts] = await freePorts(3);
  const primary = join(root, "primary");
  const setUp = ["-D", primary, "-U", "postgres", "--auth=trust", "--no-sync"];
  await asPostgres(join(binaries, "initdb"), setUp);
  appendFileSync(
    join(primary, "postgresql.conf"),
    [
      "listen_addresses = '127.0.0.1'",
      `unix_socket_directories = '${root}'`,
      "max_connections = 200",
      "shared_buffers = 512MB",
      "max_wal_senders = 8",
      "hot_standby = on",
      "synchronous_commit = on",
      "",
    ].join("\n"),
  );
  const children = [
    startAsPostgres(join(binaries, "postgres"), ["-D", primary, "-p", `${primaryPort}`]),
  ];
  const sql = (port: number, text: string) =>
    runToEnd("psql", ["-h", HOST, "-p", `${port}`, "-U", "postgres", "-Atc", text]);
  const answers = (port: number, text: string, expected: string) => async () => {
    const { output } = await sql(port, text);
    return output.trim() === expected ? true : null;
  };
  await until("the start of PostgreSQL", answers(primaryPort, "select 1", "1"));
  for (const [at, port] of standbyPorts.entries()) {
    const name = `s${at + 1}`;
    const directory = join(root, name);
    const connection = `host=${HOST} port=${primaryPort} user=postgres application_name=${name}`;
    await asPostgres(join(binaries, "pg_basebackup"), [
      "-D",
      directory,
      "-d",
      connection,
      "-R",
      "-X",
      "stream",
    ]);
    children.push(startAsPostgres(join(binaries, "postgres"), ["-D", directory, "-p", `${port}`]));
  }
  await sql(primaryPort, "alter system set synchronous_standby_names = 'ANY 1 (s1,s2)'");
  await sql(primaryPort, "select pg_reload_conf()");
  const synchronous = "select count(*) from pg_stat_replication where sync_state = 'quorum'";
  await until("the standbys of PostgreSQL", answers(primaryPort, synchronous, "2"));
  const primaryTarget = {
    name: "PostgreSQL, 2 quorum-synchronous standbys",
    host: HOST,
    port: primaryPort,
    user: "postgres",
    database: "postgres",
  };
  return {
    targets: [primaryTarget],
    nodes: [primaryTarget],
    async stop() {
      for (const child of children) await stopServer(child);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root; exec, so that the pid is the server's own. */
function commandLine(command: string, args: readonly string[]): [string, string[]] {
  if (!isRoot) return [command, [...args]];
  return ["setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", command, ...args]];
}

function asPostgres(command: string, args: readonly string[]): Promise<string> {
  return mustRun(...commandLine(command, args));
}

function startAsPostgres(command: string, args: readonly string[]) {
  return startServer(...commandLine(command, args));
}
