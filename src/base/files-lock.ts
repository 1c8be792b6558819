/**
 * Keeps a second process out of a directory.
 *
 * The lock is a listening Unix socket. On Linux it has an abstract name made of the directory's
 * device and inode: the kernel gives such a name to one process at a time and takes it back when
 * that process ends in any way, kill -9 included, so there is nothing stale to judge and nothing is
 * written. Node offers no flock; a file with a process id needs guesses about who still lives, and
 * two starters that both clear a stale file race. Elsewhere the socket is a file named `lock` in
 * the directory; one that nobody answers is stale and replaced.
 *
 * Limit: processes in different network namespaces (containers) do not see each other's abstract
 * names, so one data directory must not be mounted into two containers.
 */
import * as fs from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

/** Another process holds the lock. */
export class DirectoryInUseError extends Error {
  override readonly name = "DirectoryInUseError";
  /** The holder's process id; null if it did not say. */
  readonly holder: number | null;

  constructor(path: string, holder: number | null) {
    super(`${path} is in use by another process${holder === null ? "" : ` (pid ${holder})`}`);
    this.holder = holder;
  }
}

export interface DirectoryLock {
  release(): Promise<void>;
}

const HOLDER_ANSWER_MS = 500;

/** Rejects with DirectoryInUseError if another process (or this one) has it. */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  const name = await socketName(path);
  const server = (await listen(name)) ?? (await takeOver(path, name));
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function socketName(path: string): Promise<string> {
  if (process.platform !== "linux") return join(path, "lock");
  const { dev, ino } = await fs.promises.stat(path, { bigint: true });
  return `\0synod-data-directory-${dev}-${ino}`;
}

/** Null if the name is taken. */
function listen(name: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(String(process.pid));
    });
    server.on("error", (error) => {
      if ("code" in error && error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(name, () => resolve(server));
  });
}

async function takeOver(path: string, name: string): Promise<Server> {
  const answer = await askHolder(name);
  if (answer.alive || name.startsWith("\0")) throw new DirectoryInUseError(path, answer.pid);
  await fs.promises.rm(name, { force: true });
  const server = await listen(name);
  if (server === null) throw new DirectoryInUseError(path, null);
  return server;
}

function askHolder(name: string): Promise<{ alive: boolean; pid: number | null }> {
  return new Promise((resolve) => {
    const socket = connect(name);
    let text = "";
    let alive = false;
    const finish = (): void => {
      socket.destroy();
      resolve({ alive, pid: /^\d+$/.test(text) ? Number(text) : null });
    };
    socket.setTimeout(HOLDER_ANSWER_MS, finish);
    socket.on("connect", () => {
      alive = true;
    });
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("end", finish);
    socket.on("error", finish);
  });
}

/** What stands at a path, as far as a data directory cares. */
export type PathState = "missing" | "directory" | "other";

export async function pathState(path: string): Promise<PathState> {
  try {
    return (await fs.promises.stat(path)).isDirectory() ? "directory" : "other";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "missing";
    throw error;
  }
}

/** Rejects with the system's error (EACCES, EROFS) if this process may not create names in `path`. */
export async function requireWritable(path: string): Promise<void> {
  await fs.promises.access(path, fs.constants.W_OK | fs.constants.X_OK | fs.constants.R_OK);
}

/** Creates one directory for the owner alone; its parent must exist. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await fs.promises.mkdir(path, { mode: 0o700 });
}

/** Takes away what group and others may do. */
export async function makePrivate(path: string): Promise<void> {
  await fs.promises.chmod(path, 0o700);
}
