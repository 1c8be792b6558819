/**
 * What the faulty disk holds: files and directories, each with what is visible now and what would
 * be there after a power loss. The rules (harsher than most file systems, on purpose):
 *
 * - A write is visible at once and durable after a sync of the file. At a crash each sector that
 *   was written since is kept or lost on its own, and so is a change of the file's length.
 * - Creating, renaming and removing a name is visible at once and durable after a sync of the
 *   directory. At a crash each such change since is kept or lost on its own; a rename is one change.
 * - Syncing a file says nothing about its name.
 * - A failed sync leaves the pages visible and clean: a later sync does not write them.
 */
import { basename, dirname } from "node:path";
import type { Random } from "../../src/base/random.ts";

const FAULTY_SECTOR_BYTES = 512;

export class FileNode {
  readonly kind = "file";
  #visible = new Uint8Array(0);
  #visibleLength = 0;
  #durable: Uint8Array = new Uint8Array(0);
  readonly #dirty = new Set<number>();

  get length(): number {
    return this.#visibleLength;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#visible.slice(offset, Math.min(offset + length, this.#visibleLength));
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    this.#resize(Math.max(end, this.#visibleLength));
    this.#visible.set(bytes, offset);
    for (
      let at = Math.floor(offset / FAULTY_SECTOR_BYTES);
      at * FAULTY_SECTOR_BYTES < end;
      at += 1
    ) {
      this.#dirty.add(at);
    }
  }

  truncate(length: number): void {
    if (length < this.#visibleLength) {
      this.#visible.fill(0, length, this.#visibleLength);
      this.#dirty.add(Math.floor(length / FAULTY_SECTOR_BYTES));
    }
    this.#resize(length);
  }

  sync(): void {
    if (this.#durable.length !== this.#visibleLength) {
      const durable = new Uint8Array(this.#visibleLength);
      durable.set(this.#durable.subarray(0, durable.length));
      this.#durable = durable;
    }
    for (const sector of this.#dirty) this.#copySector(sector, this.#durable);
    this.#dirty.clear();
  }

  /** The kernel drops what it could not write, and shows it all the same. */
  failSync(): void {
    this.#dirty.clear();
  }

  /** Keeps or loses what was not synced. */
  crash(random: Random): void {
    this.replace(this.survived(random));
  }

  /** What a power loss now would leave; nothing changes here. */
  survived(random: Random): Uint8Array {
    const keepsLength = this.#durable.length !== this.#visibleLength && random.below(2) === 0;
    const length = keepsLength ? this.#visibleLength : this.#durable.length;
    const survived = new Uint8Array(length);
    survived.set(this.#durable.subarray(0, length));
    for (const sector of [...this.#dirty].toSorted((a, b) => a - b)) {
      if (random.below(2) === 0) this.#copySector(sector, survived);
    }
    return survived;
  }

  /** Sets both what is visible and what is durable: rot, or an operator's hand. */
  replace(bytes: Uint8Array): void {
    this.#durable = bytes;
    this.#visible = bytes.slice();
    this.#visibleLength = bytes.length;
    this.#dirty.clear();
  }

  #copySector(sector: number, target: Uint8Array): void {
    const start = sector * FAULTY_SECTOR_BYTES;
    const end = Math.min(start + FAULTY_SECTOR_BYTES, this.#visibleLength, target.length);
    if (end > start) target.set(this.#visible.subarray(start, end), start);
  }

  #resize(length: number): void {
    if (length > this.#visible.length) {
      const grown = new Uint8Array(Math.max(length, this.#visible.length * 2));
      grown.set(this.#visible.subarray(0, this.#visibleLength));
      this.#visible = grown;
    }
    this.#visibleLength = length;
  }
}

export class DirectoryNode {
  readonly kind = "directory";
  visible = new Map<string, DiskNode>();
  durable = new Map<string, DiskNode>();
}

export type DiskNode = FileNode | DirectoryNode;

/** What a power loss leaves, by path. */
export interface DiskSurvivors {
  readonly files: Map<string, Uint8Array>;
  readonly directories: string[];
}

/** One change of names that no directory sync has made durable yet. */
interface PendingChange {
  readonly directories: readonly DirectoryNode[];
  readonly apply: (side: "visible" | "durable") => void;
}

export class FileSystemError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

/** The tree of names. All paths are absolute or relative to one root; the root always exists. */
export class DiskImage {
  readonly #root = new DirectoryNode();
  #pending: PendingChange[] = [];

  find(path: string): DiskNode | null {
    let node: DiskNode = this.#root;
    for (const part of partsOf(path)) {
      const next: DiskNode | undefined =
        node.kind === "directory" ? node.visible.get(part) : undefined;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  file(path: string): FileNode {
    const node = this.find(path);
    if (node === null) throw new FileSystemError("ENOENT", path);
    if (node.kind !== "file") throw new FileSystemError("EISDIR", path);
    return node;
  }

  directory(path: string): DirectoryNode {
    const node = this.find(path);
    if (node === null) throw new FileSystemError("ENOENT", path);
    if (node.kind !== "directory") throw new FileSystemError("ENOTDIR", path);
    return node;
  }

  createFile(path: string): FileNode {
    if (this.find(path) !== null) throw new FileSystemError("EEXIST", path);
    const node = new FileNode();
    this.#link(path, node);
    return node;
  }

  makeDirectory(path: string): void {
    const node = this.find(path);
    if (node?.kind === "file") throw new FileSystemError("EEXIST", path);
    if (node === null) {
      if (partsOf(path).length > 1) this.makeDirectory(dirname(path));
      this.#link(path, new DirectoryNode());
    }
    this.syncDirectory(dirname(path));
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === null) throw new FileSystemError("ENOENT", from);
    const source = this.directory(dirname(from));
    const target = this.directory(dirname(to));
    const replaced = target.visible.get(basename(to));
    if (replaced?.kind === "directory" && replaced.visible.size > 0) {
      throw new FileSystemError("ENOTEMPTY", to);
    }
    this.#change([source, target], (side) => {
      if (source[side].get(basename(from)) === node) source[side].delete(basename(from));
      target[side].set(basename(to), node);
    });
  }

  remove(path: string): void {
    const node = this.find(path);
    if (node === null) return;
    if (node.kind === "directory") {
      for (const name of node.visible.keys()) this.remove(`${path}/${name}`);
    }
    const parent = this.directory(dirname(path));
    this.#change([parent], (side) => {
      if (parent[side].get(basename(path)) === node) parent[side].delete(basename(path));
    });
  }

  syncDirectory(path: string): void {
    const directory = this.directory(path);
    const durable = this.#pending.filter((change) => change.directories.includes(directory));
    this.#pending = this.#pending.filter((change) => !durable.includes(change));
    for (const change of durable) change.apply("durable");
  }

  /** All that is not durable is kept or lost, change by change and sector by sector. */
  crash(random: Random): void {
    for (const change of this.#pending) {
      if (random.below(2) === 0) change.apply("durable");
    }
    this.#pending = [];
    crashDirectory(this.#root, random);
  }

  /** What a power loss now would leave; nothing changes here. */
  survivors(random: Random): DiskSurvivors {
    const touched = new Set(this.#pending.flatMap(({ directories }) => directories));
    const before = [...touched].map((directory) => [directory, directory.durable] as const);
    for (const directory of touched) directory.durable = new Map(directory.durable);
    for (const change of this.#pending) {
      if (random.below(2) === 0) change.apply("durable");
    }
    const survivors: DiskSurvivors = { files: new Map(), directories: [] };
    collectSurvivors(this.#root, "", { random, survivors });
    for (const [directory, durable] of before) directory.durable = durable;
    return survivors;
  }

  #link(path: string, node: DiskNode): void {
    const parent = this.directory(dirname(path));
    this.#change([parent], (side) => parent[side].set(basename(path), node));
  }

  #change(directories: readonly DirectoryNode[], apply: PendingChange["apply"]): void {
    apply("visible");
    this.#pending.push({ directories, apply });
  }
}

function collectSurvivors(
  directory: DirectoryNode,
  path: string,
  into: { readonly random: Random; readonly survivors: DiskSurvivors },
): void {
  for (const [name, node] of directory.durable) {
    const below = `${path}/${name}`;
    if (node.kind === "file") {
      into.survivors.files.set(below, node.survived(into.random));
    } else {
      into.survivors.directories.push(below);
      collectSurvivors(node, below, into);
    }
  }
}

function crashDirectory(directory: DirectoryNode, random: Random): void {
  directory.visible = new Map(directory.durable);
  for (const node of directory.durable.values()) {
    if (node.kind === "directory") crashDirectory(node, random);
    else node.crash(random);
  }
}

const parts = new Map<string, readonly string[]>();

function partsOf(path: string): readonly string[] {
  const known = parts.get(path);
  if (known !== undefined) return known;
  const made = path.split("/").filter((part) => part !== "" && part !== ".");
  parts.set(path, made);
  return made;
}
