/**
 * A small file's worth of facts that must never be lost or go back (identity, promise, floor), in
 * two copies:
 *
 *   <name>.a   <name>.b   the copies
 *   <name>.new            a copy on its way to its name for the first time
 *
 * Each write goes to copy a, is synced, then to copy b, and is synced again; only then it is
 * acknowledged. So at any moment at least one copy is whole, and of what was acknowledged there
 * are two: when one rots, the other is just as new (an alternating pair would fall back to the
 * write before, which would be a forgotten promise). A copy gets its name only when whole, so an
 * unreadable one is never merely unfinished.
 *
 * Copy, big endian:
 *
 * | at | bytes | field |
 * | -- | ----- | ----- |
 * |  0 |   8   | magic "SYNODMET" |
 * |  8 |   4   | format version |
 * | 12 |   4   | CRC-32 of bytes 8..11 and 16..(28 + length) |
 * | 16 |   8   | generation, from 1, rising with each write |
 * | 24 |   4   | length of the content |
 * | 28 |       | content; what follows is left over from longer contents |
 *
 * | row | copies found (of different generation: the higher counts)  | decision |
 * | --- | ----------------------------------------------------------- | -------- |
 * | A | none                                                          | never written |
 * | B | a whole, b missing, generation 1                              | use a, make b: a crash in the first write |
 * | C | both whole                                                    | use the newer, bring the older up to it |
 * | D | one whole, the other unreadable, or missing but for row B     | use the whole one, report, heal |
 * | E | unreadable, the other unreadable or missing                   | refuse: cannot be recovered from other nodes |
 *
 * Before open returns, the copy in use is written over itself and synced: after a failed sync of an
 * earlier process the page cache may show what the disk does not have. The same bytes at the same
 * place cannot be torn.
 */
import { join } from "node:path";
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";
import { type Files, isUnreadable } from "../src/base/files.ts";
import { getU64, setU64, viewOf } from "./record.ts";

const METADATA_FORMAT_VERSION = 1;
const HEADER_BYTES = 28;
const METADATA_BYTES_MAX = 16 * 1024 * 1024;
const MAGIC = new TextEncoder().encode("SYNODMET");

/** Raised when no copy of the metadata can be read, or not by this version of the program. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
}

interface Copy {
  readonly generation: number;
  readonly content: Uint8Array;
}

type FoundCopy =
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable" }
  | { readonly kind: "whole"; readonly copy: Copy };

const COPY_NAMES = ["a", "b"] as const;
type CopyName = (typeof COPY_NAMES)[number];

export class Metadata {
  readonly #files: Files;
  readonly #directory: string;
  readonly #name: string;
  #current: Copy | null = null;
  /** One copy was unreadable, or missing, when it was opened; it has been healed. */
  #damagedCopy = false;
  /** Rejects for ever after the first failure. */
  #writes: Promise<void> = Promise.resolve();

  private constructor(files: Files, directory: string, name: string) {
    this.#files = files;
    this.#directory = directory;
    this.#name = name;
  }

  /** Reads, and heals, the metadata `name` in `directory` (made if missing). Throws MetadataError in row E. */
  static async open(files: Files, directory: string, name: string): Promise<Metadata> {
    const metadata = new Metadata(files, directory, name);
    await files.makeDirectory(directory);
    await files.remove(metadata.#path("new"));
    await metadata.#recover();
    return metadata;
  }

  /** The latest content; null if nothing was ever written. */
  get content(): Uint8Array | null {
    return this.#current?.content ?? null;
  }

  /** Whether one copy was damaged when the metadata was opened (row D). */
  get damagedCopy(): boolean {
    return this.#damagedCopy;
  }

  /**
   * Replaces the content; durable when resolved. Writes are carried out in the order of the calls.
   * After a failure every later write rejects with it: the process must stop.
   */
  async write(content: Uint8Array): Promise<void> {
    assert(content.length <= METADATA_BYTES_MAX, `metadata of ${content.length} bytes`);
    const owned = content.slice();
    const written = this.#writes.then(() => this.#replace(owned));
    this.#writes = written;
    // The caller gets the rejection from `written`; the chain must not raise it a second time.
    this.#writes.catch(() => undefined);
    await written;
  }

  async #replace(content: Uint8Array): Promise<void> {
    const copy = { generation: (this.#current?.generation ?? 0) + 1, content };
    const bytes = encodeCopy(copy);
    for (const name of COPY_NAMES) await this.#writeCopy(name, bytes);
    this.#current = copy;
  }

  async #recover(): Promise<void> {
    const a = await this.#read("a");
    const b = await this.#read("b");
    if (a.kind === "missing" && b.kind === "missing") return;
    const newest = newestOf(a, b);
    if (newest === null) {
      throw new MetadataError(
        `both copies of ${this.#name} in ${this.#directory} are damaged; what this node promised is not known any more`,
      );
    }
    const { name, copy } = newest;
    const other = name === "a" ? b : a;
    this.#current = copy;
    const isFirstWrite = name === "a" && copy.generation === 1;
    this.#damagedCopy = other.kind === "unreadable" || (other.kind === "missing" && !isFirstWrite);
    const bytes = encodeCopy(copy);
    await this.#writeCopy(name, bytes);
    const isBehind = other.kind !== "whole" || other.copy.generation < copy.generation;
    if (isBehind) await this.#writeCopy(name === "a" ? "b" : "a", bytes);
  }

  async #writeCopy(name: CopyName, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    if (await this.#files.exists(path)) {
      const file = await this.#files.open(path, "write");
      try {
        await file.write(0, bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      return;
    }
    const aside = this.#path("new");
    const file = await this.#files.open(aside, "create");
    try {
      await file.write(0, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#files.rename(aside, path);
    await this.#files.syncDirectory(this.#directory);
  }

  async #read(name: CopyName): Promise<FoundCopy> {
    const path = this.#path(name);
    if (!(await this.#files.exists(path))) return { kind: "missing" };
    const file = await this.#files.open(path, "read");
    try {
      const size = Math.min(await file.size(), HEADER_BYTES + METADATA_BYTES_MAX);
      return decodeCopy(await file.read(0, size), path);
    } catch (error) {
      // What the disk cannot read is as good as rotten: the other copy is as new.
      if (!isUnreadable(error)) throw error;
      return { kind: "unreadable" };
    } finally {
      await file.close();
    }
  }

  #path(suffix: CopyName | "new"): string {
    return join(this.#directory, `${this.#name}.${suffix}`);
  }
}

function newestOf(a: FoundCopy, b: FoundCopy): { name: CopyName; copy: Copy } | null {
  if (a.kind === "whole" && b.kind === "whole") {
    return b.copy.generation > a.copy.generation
      ? { name: "b", copy: b.copy }
      : { name: "a", copy: a.copy };
  }
  if (a.kind === "whole") return { name: "a", copy: a.copy };
  return b.kind === "whole" ? { name: "b", copy: b.copy } : null;
}

function encodeCopy({ generation, content }: Copy): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + content.length);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, METADATA_FORMAT_VERSION);
  setU64(view, 16, generation);
  view.setUint32(24, content.length);
  bytes.set(content, HEADER_BYTES);
  view.setUint32(12, copyChecksum(bytes, bytes.length));
  return bytes;
}

function decodeCopy(bytes: Uint8Array, path: string): FoundCopy {
  if (bytes.length < HEADER_BYTES) return { kind: "unreadable" };
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) return { kind: "unreadable" };
  const view = viewOf(bytes);
  const end = HEADER_BYTES + view.getUint32(24);
  if (end > bytes.length) return { kind: "unreadable" };
  if (view.getUint32(12) !== copyChecksum(bytes, end)) return { kind: "unreadable" };
  const version = view.getUint32(8);
  if (version !== METADATA_FORMAT_VERSION) {
    throw new MetadataError(
      `${path} has format version ${version}; this program reads version ${METADATA_FORMAT_VERSION}`,
    );
  }
  const content = bytes.slice(HEADER_BYTES, end);
  return { kind: "whole", copy: { generation: getU64(view, 16), content } };
}

function copyChecksum(bytes: Uint8Array, end: number): number {
  return crc32(bytes.subarray(16, end), crc32(bytes.subarray(8, 12)));
}
