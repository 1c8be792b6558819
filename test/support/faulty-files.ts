/**
 * A disk in memory that fails on command: power loss with torn and lost writes, failing syncs, a
 * full disk, rot. Deterministic: what a crash keeps is drawn from the Random that is handed in.
 * The rules of what survives are in faulty-disk-image.ts.
 *
 * `files` is the disk as one process sees it; after `crash` or `restart` the old one rejects every
 * call (its process is gone) and `files` gives the next process's.
 */
import { dirname } from "node:path";
import type { File, Files, OpenMode } from "../../src/base/files.ts";
import type { Random } from "../../src/base/random.ts";
import { DiskImage, type FileNode, FileSystemError } from "./faulty-disk-image.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory";

/** Raised by every call of a process that was stopped. */
class StoppedError extends Error {
  override readonly name = "StoppedError";
}

export interface DiskFault {
  readonly operation: DiskOperation;
  /** Only calls whose path contains this. */
  readonly path?: string;
  /** Lets this many matching calls pass first; default 0. */
  readonly after?: number;
  readonly code: "EIO" | "ENOSPC";
  /** How many calls fail; default 1. */
  readonly times?: number;
}

interface ArmedFault {
  readonly fault: DiskFault;
  passes: number;
  failures: number;
}

export class FaultyDisk {
  readonly #image = new DiskImage();
  #faults: ArmedFault[] = [];
  #process = { alive: true };
  #files: Files;
  #operations = 0;
  #stopAt = Number.POSITIVE_INFINITY;
  #bytesLeft = Number.POSITIVE_INFINITY;
  #latency: (operation: DiskOperation, path: string) => Promise<void> = async () => undefined;

  constructor() {
    this.#files = this.#mount();
  }

  /** The disk as the running process sees it. */
  get files(): Files {
    return this.#files;
  }

  /** Calls that changed or read the disk so far, over all processes; the scale of `stopAt`. */
  get operations(): number {
    return this.#operations;
  }

  /** The process stops at the operation with this number (see `operations`): it and all later ones do nothing. */
  stopAt(operation: number): void {
    this.#stopAt = operation;
  }

  /** Power loss: what was not synced is kept or lost by `random`. The next process has no injected faults. */
  crash(random: Random): void {
    this.#replaceProcess();
    this.#image.crash(random);
  }

  /**
   * What a power loss would leave now, as a disk of its own: this one goes on, so that all that it
   * may leave can be looked at in turn.
   */
  afterPowerLoss(random: Random): FaultyDisk {
    const found = new FaultyDisk();
    const { files, directories } = this.#image.survivors(random);
    for (const path of directories) found.#image.makeDirectory(path);
    for (const [path, bytes] of files) found.replace(path, bytes);
    return found;
  }

  /** The process dies, the machine goes on: the page cache stays as it is. */
  restart(): void {
    this.#replaceProcess();
  }

  /** Makes matching calls fail. A failing sync also loses what it should have written. */
  fail(fault: DiskFault): void {
    this.#faults.push({ fault, passes: fault.after ?? 0, failures: fault.times ?? 1 });
  }

  /** From now on files may grow by this many bytes in all; then ENOSPC, after writing what fits. */
  limitGrowth(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** What was made to fail works again, and there is room. */
  heal(): void {
    this.#faults = [];
    this.#bytesLeft = Number.POSITIVE_INFINITY;
  }

  /** Awaited before each operation takes effect. */
  setLatency(latency: (operation: DiskOperation, path: string) => Promise<void>): void {
    this.#latency = latency;
  }

  /** Inverts the bits of `mask` in one byte, in the page cache and on the disk. */
  flip(path: string, offset: number, mask = 0xff): void {
    const bytes = this.contents(path);
    bytes[offset] = (bytes[offset] ?? 0) ^ mask;
    this.replace(path, bytes);
  }

  /** Cuts a file as an accident would: durably, without anybody syncing it. */
  cut(path: string, length: number): void {
    this.replace(path, this.contents(path).slice(0, length));
  }

  /** A copy of what is visible in a file. */
  contents(path: string): Uint8Array {
    const node = this.#image.file(path);
    return node.read(0, node.length);
  }

  /** Sets a file's content durably; makes the file if it is missing. */
  replace(path: string, bytes: Uint8Array): void {
    if (this.#image.find(path) === null) {
      this.#image.makeDirectory(dirname(path));
      this.#image.createFile(path);
      this.#image.syncDirectory(dirname(path));
    }
    this.#image.file(path).replace(bytes.slice());
  }

  /** Loses a file durably. */
  lose(path: string): void {
    this.#image.remove(path);
    this.#image.syncDirectory(dirname(path));
  }

  isDirectory(path: string): boolean {
    return this.#image.find(path)?.kind === "directory";
  }

  /** Sorted names in a directory. */
  list(path: string): string[] {
    return [...this.#image.directory(path).visible.keys()].toSorted();
  }

  #replaceProcess(): void {
    this.#process.alive = false;
    this.#process = { alive: true };
    this.#files = this.#mount();
    this.#faults = [];
    this.#stopAt = Number.POSITIVE_INFINITY;
    this.#bytesLeft = Number.POSITIVE_INFINITY;
  }

  #mount(): Files {
    const image = this.#image;
    const process = this.#process;
    const before = (operation: DiskOperation, path: string): Promise<void> =>
      this.#before(process, operation, path);
    return {
      open: async (path, mode) => {
        await before("open", path);
        return this.#open(path, mode, before);
      },
      list: async (path) => {
        await before("read", path);
        const node = image.find(path);
        if (node === null) return [];
        return [...image.directory(path).visible.keys()].toSorted();
      },
      makeDirectory: async (path) => {
        await before("makeDirectory", path);
        image.makeDirectory(path);
      },
      exists: async (path) => {
        await before("read", path);
        return image.find(path) !== null;
      },
      rename: async (from, to) => {
        await before("rename", from);
        image.rename(from, to);
      },
      remove: async (path) => {
        await before("remove", path);
        if (image.find(path) !== null) image.file(path);
        image.remove(path);
      },
      removeDirectory: async (path) => {
        await before("remove", path);
        image.remove(path);
      },
      syncDirectory: async (path) => {
        await before("syncDirectory", path);
        image.syncDirectory(path);
      },
    };
  }

  #open(
    path: string,
    mode: OpenMode,
    before: (operation: DiskOperation, path: string) => Promise<void>,
  ): File {
    const node = mode === "create" ? this.#image.createFile(path) : this.#image.file(path);
    const sync = async (): Promise<void> => {
      try {
        await before("sync", path);
      } catch (error) {
        if (!(error instanceof StoppedError)) node.failSync();
        throw error;
      }
      node.sync();
    };
    return {
      read: async (offset, length) => {
        await before("read", path);
        return node.read(offset, length);
      },
      write: async (offset, bytes) => {
        await before("write", path);
        this.#write(node, offset, bytes, path);
        // The two may be told apart by what goes wrong between them.
        if (mode === "durable") await sync();
      },
      sync,
      truncate: async (length) => {
        await before("truncate", path);
        node.truncate(length);
      },
      size: async () => {
        await before("read", path);
        return node.length;
      },
      close: async () => undefined,
    };
  }

  #write(node: FileNode, offset: number, bytes: Uint8Array, path: string): void {
    const growth = Math.max(0, offset + bytes.length - node.length);
    if (growth > this.#bytesLeft) {
      const fits = Math.max(0, bytes.length - (growth - this.#bytesLeft));
      this.#bytesLeft = 0;
      node.write(offset, bytes.subarray(0, fits));
      throw new FileSystemError("ENOSPC", path);
    }
    this.#bytesLeft -= growth;
    node.write(offset, bytes);
  }

  async #before(
    process: { readonly alive: boolean },
    operation: DiskOperation,
    path: string,
  ): Promise<void> {
    await this.#latency(operation, path);
    if (!process.alive) throw new StoppedError(`${operation} ${path}: the process is gone`);
    this.#operations += 1;
    if (this.#operations >= this.#stopAt) {
      throw new StoppedError(`${operation} ${path}: the process was stopped here`);
    }
    this.#raise(operation, path);
  }

  #raise(operation: DiskOperation, path: string): void {
    for (const armed of this.#faults) {
      const { fault } = armed;
      if (fault.operation !== operation || armed.failures === 0) continue;
      if (fault.path !== undefined && !path.includes(fault.path)) continue;
      if (armed.passes > 0) {
        armed.passes -= 1;
        continue;
      }
      armed.failures -= 1;
      throw new FileSystemError(fault.code, path);
    }
  }
}
