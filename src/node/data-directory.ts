/**
 * A node's directory, for its owner alone (0700):
 *
 *   DIR/
 *     identity.a identity.b   who this node is, twice (identity.ts in wal/metadata.ts)
 *     state.a state.b         what it promised and the log's floor, twice (durable-state.ts)
 *     wal/                    the log's segments
 *     snapshots/              published snapshots and one being received
 *     machine/                the SQLite files
 *     lock                    only where the lock needs a file (base/files-lock.ts)
 *
 * | what is found              | what happens |
 * | nothing, parent is there   | DIR is made; removed again if the start is refused |
 * | nothing, parent missing    | refused: a typing error is likelier than a wish |
 * | empty directory            | used |
 * | identity                   | a restart |
 * | other things, no identity  | refused: somebody else's directory, or a node that lost its past |
 * | locked                     | refused with the holder's process id |
 */
import { dirname, join, resolve } from "node:path";
import { Metadata, MetadataError } from "../../wal/metadata.ts";
import { assert } from "../base/assert.ts";
import type { Files } from "../base/files.ts";
import {
  DirectoryInUseError,
  type DirectoryLock,
  lockDirectory,
  makePrivate,
  makePrivateDirectory,
  pathState,
  requireWritable,
} from "../base/files-lock.ts";
import { decodeIdentity, encodeIdentity, type Identity, type IdentityStore } from "./identity.ts";
import { StartRefused } from "./start-refused.ts";

const IDENTITY_NAME = "identity";
/** What a file system or the lock puts there by itself. */
const FOREIGN_NAMES_ALLOWED = new Set(["lock", "lost+found"]);

export class DataDirectory implements IdentityStore {
  /** Absolute. */
  readonly path: string;
  readonly #files: Files;
  readonly #lock: DirectoryLock;
  readonly #wasMade: boolean;
  readonly #wasEmpty: boolean;
  #metadata: Metadata | null = null;
  #current: Identity | null = null;

  private constructor(path: string, files: Files, lock: DirectoryLock, found: Found) {
    this.path = path;
    this.#files = files;
    this.#lock = lock;
    this.#wasMade = found.wasMade;
    this.#wasEmpty = found.wasEmpty;
  }

  /** Locks the directory for this process and reads who lives there. Throws StartRefused. */
  static async open(files: Files, path: string): Promise<DataDirectory> {
    const absolute = resolve(path);
    const wasMade = await prepare(absolute);
    const lock = await lockOrRefuse(absolute);
    try {
      const names = await files.list(absolute);
      const wasEmpty = names.every((name) => FOREIGN_NAMES_ALLOWED.has(name));
      const directory = new DataDirectory(absolute, files, lock, { wasMade, wasEmpty });
      if (!wasEmpty) await directory.#read(names);
      return directory;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get walPath(): string {
    return join(this.path, "wal");
  }

  get snapshotsPath(): string {
    return join(this.path, "snapshots");
  }

  get machinePath(): string {
    return join(this.path, "machine");
  }

  get current(): Identity | null {
    return this.#current;
  }

  async store(identity: Identity): Promise<void> {
    await makePrivate(this.path);
    this.#metadata ??= await Metadata.open(this.#files, this.path, IDENTITY_NAME);
    await this.#metadata.write(encodeIdentity(identity));
    this.#current = identity;
  }

  /** The start is refused: leaves the disk as it was found and frees the lock. */
  async abandon(): Promise<void> {
    if (this.#wasEmpty) await this.#removeIdentity();
    if (this.#wasMade) await this.#files.removeDirectory(this.path);
    await this.close();
  }

  /** Frees the lock. */
  async close(): Promise<void> {
    await this.#lock.release();
  }

  async #removeIdentity(): Promise<void> {
    assert(this.#current?.kind !== "member", "a member's identity is never removed");
    for (const name of await this.#files.list(this.path)) {
      if (name.startsWith(`${IDENTITY_NAME}.`)) await this.#files.remove(join(this.path, name));
    }
  }

  async #read(names: readonly string[]): Promise<void> {
    if (!names.includes(`${IDENTITY_NAME}.a`) && !names.includes(`${IDENTITY_NAME}.b`)) {
      throw new StartRefused(
        `${this.path} is not empty and holds no Synod node: choose an empty or a new directory with --data`,
      );
    }
    try {
      this.#metadata = await Metadata.open(this.#files, this.path, IDENTITY_NAME);
      const { content } = this.#metadata;
      if (content !== null) this.#current = decodeIdentity(content);
    } catch (cause) {
      if (!(cause instanceof MetadataError)) throw cause;
      throw new StartRefused(
        `${this.path}: ${cause.message}; remove this node from the cluster and start it again with an empty --data and --join`,
        { cause },
      );
    }
  }
}

interface Found {
  readonly wasMade: boolean;
  readonly wasEmpty: boolean;
}

/** Whether the directory had to be made. */
async function prepare(path: string): Promise<boolean> {
  const state = await pathState(path).catch((error: unknown) => refuseAccess(path, error));
  if (state === "other")
    throw new StartRefused(`${path} is not a directory: choose another --data`);
  if (state === "directory") {
    await requireWritable(path).catch((error: unknown) => refuseAccess(path, error));
    return false;
  }
  const parent = dirname(path);
  if ((await pathState(parent)) !== "directory") {
    throw new StartRefused(
      `cannot make ${path}: ${parent} does not exist; make it first or choose another --data`,
    );
  }
  await makePrivateDirectory(path).catch((error: unknown) => refuseAccess(path, error));
  return true;
}

function refuseAccess(path: string, cause: unknown): never {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  throw new StartRefused(
    `cannot write to ${path} (${code}): give its user the right to, or choose another --data`,
    { cause },
  );
}

async function lockOrRefuse(path: string): Promise<DirectoryLock> {
  try {
    return await lockDirectory(path);
  } catch (cause) {
    if (!(cause instanceof DirectoryInUseError)) throw cause;
    throw new StartRefused(`${cause.message}: stop it, or choose another --data`, { cause });
  }
}
