/** A small file system of its own in a file, for a node whose disk is to become full. */
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./machine.ts";

/** Two segments of the log with their spare, a few snapshots, the state machine. */
const DISK_BYTES = 320 * 1024 * 1024;

const FILL_TRIES = 5;
/** What the next try leaves to a node that takes space in the same moment. */
const TAKEN_MEANWHILE_BYTES = 256 * 1024;

export class LoopDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  #mounted = false;

  private constructor(path: string, image: string) {
    this.path = path;
    this.#image = image;
  }

  static make(directory: string): LoopDisk {
    const path = join(directory, "small-disk");
    const disk = new LoopDisk(path, join(directory, "small-disk.img"));
    mkdirSync(path);
    writeFileSync(disk.#image, "");
    truncateSync(disk.#image, DISK_BYTES);
    run("mkfs.ext4", "-q", "-F", "-m", "0", disk.#image);
    run("mount", "-o", "loop", disk.#image, path);
    disk.#mounted = true;
    return disk;
  }

  /** Takes all the space that is left but `leftBytes`. */
  fill(leftBytes: number): void {
    for (let left = FILL_TRIES; ; left -= 1) {
      const { bavail, bsize } = statfsSync(this.path);
      const taken = (FILL_TRIES - left) * TAKEN_MEANWHILE_BYTES;
      const bytes = Math.max(0, bavail * bsize - leftBytes - taken);
      try {
        if (bytes > 0) run("fallocate", "-l", String(bytes), this.#ballast);
        return;
      } catch (error) {
        // A node takes space in the same moment.
        if (left === 0) throw error;
        this.empty();
      }
    }
  }

  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Never throws. */
  unmount(): void {
    if (!this.#mounted) return;
    try {
      run("umount", "-l", this.path);
      this.#mounted = false;
      rmSync(this.#image, { force: true });
    } catch (error) {
      process.stderr.write(`${this.path} stays mounted: ${String(error)}\n`);
    }
  }

  get #ballast(): string {
    return join(this.path, "ballast");
  }
}
