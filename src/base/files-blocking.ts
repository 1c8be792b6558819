/**
 * File operations that return only once they are done, for threads that do nothing else: SQLite
 * blocks its thread as well. The same rules of durability hold as in files.ts.
 */
import * as fs from "node:fs";
import { isMissing } from "./files.ts";

export interface BlockingFiles {
  /** Names in a directory, sorted; empty if the directory does not exist. */
  list(directory: string): readonly string[];
  exists(path: string): boolean;
  /** Creates the directory and its parents (owner-only access); no error if it exists. */
  makeDirectory(path: string): void;
  /** Copies a file to a new name; fails if that exists. */
  copy(from: string, to: string): void;
  rename(from: string, to: string): void;
  /** Removes one file; no error if it does not exist. */
  remove(path: string): void;
  /** Removes a directory with all that is in it; no error if it does not exist. */
  removeDirectory(path: string): void;
  /** Makes a file's or directory's content durable (fsync). */
  sync(path: string): void;
}

const PRIVATE_DIRECTORY_MODE = 0o700;

/** The machine's file system. */
export const systemBlockingFiles: BlockingFiles = {
  list(directory) {
    try {
      return fs.readdirSync(directory).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  exists: (path) => fs.existsSync(path),
  makeDirectory(path) {
    fs.mkdirSync(path, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  },
  copy: (from, to) => fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { force: true }),
  removeDirectory: (path) => fs.rmSync(path, { recursive: true, force: true }),
  sync(path) {
    const descriptor = fs.openSync(path, "r");
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
};

/** Where a symbolic link leads, as it says so; null if there is no such link. */
export function linkTarget(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
