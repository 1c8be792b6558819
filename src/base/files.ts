/**
 * The only door to the disk for src/, wal/ and snapshots/ (SQLite has its own). An interface, so
 * that tests and the simulator can put a faulty disk behind it.
 *
 * Durability: what was written is durable after `sync` of the file returned; a created, renamed or
 * removed name is durable after `syncDirectory` of its directory returned. A failed sync must never
 * be retried and believed: the caller stops the process (faults rule 30).
 */
import * as fs from "node:fs";
import { dirname, resolve } from "node:path";

/** An open file. Offsets and lengths in bytes. */
export interface File {
  /** Reads up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes all of `bytes` at `offset`. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Makes written data and the file's size durable (fdatasync). */
  sync(): Promise<void>;
  /** Cuts or extends (with zeros) the file to `length` bytes. */
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/**
 * `create` makes a new file and fails if the name exists; `write` opens an existing one to read and
 * write; `durable` as well, and each write is durable when it resolves, as if `sync` had followed.
 */
export type OpenMode = "read" | "write" | "create" | "durable";

export interface Files {
  open(path: string, mode: OpenMode): Promise<File>;
  /** Names in a directory, sorted; empty if the directory does not exist. */
  list(directory: string): Promise<string[]>;
  /** Creates the directory and its parents (owner-only access), durably; no error if it exists. */
  makeDirectory(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  /** Removes one file; no error if it does not exist. */
  remove(path: string): Promise<void>;
  /** Removes a directory with all that is in it; no error if it does not exist. */
  removeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
}

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_DIRECTORY_MODE = 0o700;

const { O_DSYNC, O_RDWR } = fs.constants;
const flagsOf: Record<OpenMode, string | number> = {
  read: "r",
  write: "r+",
  create: "wx+",
  // One call for the disk's threads instead of two.
  durable: O_RDWR | O_DSYNC,
};

class SystemFile implements File {
  readonly #handle: fs.promises.FileHandle;
  readonly #descriptor: number;

  constructor(handle: fs.promises.FileHandle) {
    this.#handle = handle;
    this.#descriptor = handle.fd;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(
        buffer,
        filled,
        length - filled,
        offset + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      written += await this.#write(bytes, written, offset + written);
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  // For each batch of the log; the handle's own method costs as much again as the call.
  #write(bytes: Uint8Array, from: number, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const written = (error: Error | null, count: number): void => {
        if (error === null) resolve(count);
        else reject(error);
      };
      fs.write(this.#descriptor, bytes, from, bytes.length - from, offset, written);
    });
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The machine's file system. */
export const systemFiles: Files = {
  async open(path, mode) {
    return new SystemFile(await fs.promises.open(path, flagsOf[mode], PRIVATE_FILE_MODE));
  },
  async list(directory) {
    try {
      return (await fs.promises.readdir(directory)).toSorted();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  async makeDirectory(path) {
    const options = { recursive: true, mode: PRIVATE_DIRECTORY_MODE } as const;
    const firstMade = resolve((await fs.promises.mkdir(path, options)) ?? path);
    // Each directory that was made is durable only with the entry in its own parent.
    for (let made = resolve(path); ; made = dirname(made)) {
      await syncDirectory(dirname(made));
      if (made === firstMade || made === dirname(made)) break;
    }
  },
  async exists(path) {
    try {
      await fs.promises.access(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  },
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.rm(path, { force: true }),
  removeDirectory: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  syncDirectory,
};

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.promises.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether `error` says that a file or directory does not exist (ENOENT). */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Whether `error` says that the disk could not read, or write, a place (EIO). */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EIO";
}
