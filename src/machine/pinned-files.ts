/**
 * Every file as it is at one applied slot, held by a read transaction a file while the writer goes
 * on. To be made between two batches; then copied or hashed at leisure.
 *
 * A copy is made page by page (VACUUM would renumber rowids), is one file without a -wal, and is
 * marked as applied up to the slot even where nothing touched its database for long.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { BlockingFiles } from "../base/files-blocking.ts";
import { SNAPSHOT_STEP_PAGES, SNAPSHOT_SYNC_BYTES } from "../base/limits.ts";
import { type Connection, openDetached, openReader } from "./connection.ts";
import { addContent } from "./content-hash.ts";
import { databaseFileName, systemFileName } from "./machine-directory.ts";
import { endOfSlot } from "./state-file.ts";
import type { SnapshotFiles } from "./state-machine.ts";

const PAGE_BYTES = 4096;
const STEPS_PER_SYNC = Math.ceil(SNAPSHOT_SYNC_BYTES / (SNAPSHOT_STEP_PAGES * PAGE_BYTES));

export class PinnedFiles {
  readonly #appliedIndex: number;
  readonly #connections = new Map<string, Connection>();

  /** Pins the files in use, to all of which every slot up to `appliedIndex` is applied. */
  constructor(filesDirectory: string, appliedIndex: number) {
    this.#appliedIndex = appliedIndex;
    try {
      const system = this.#pin(filesDirectory, systemFileName);
      const ids = system.prepare("SELECT id FROM _synod_databases ORDER BY id").pluck(true);
      for (const id of ids.all() as bigint[]) {
        this.#pin(filesDirectory, databaseFileName(Number(id)));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** See StateMachine.snapshot. */
  async copyTo(directory: string, files: BlockingFiles): Promise<SnapshotFiles> {
    for (const [name, connection] of this.#connections) {
      const target = join(directory, name);
      await copy(connection, target, files);
      finishCopy(target, this.#appliedIndex);
      files.sync(target);
    }
    files.sync(directory);
    return { appliedIndex: this.#appliedIndex, files: [...this.#connections.keys()] };
  }

  /** See StateMachine.contentHash. */
  contentHash(): { appliedIndex: number; hash: string } {
    const hash = createHash("sha256");
    for (const [name, connection] of this.#connections) {
      hash.update(`${name}\n`);
      addContent(connection, hash);
    }
    return { appliedIndex: this.#appliedIndex, hash: hash.digest("hex") };
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #pin(directory: string, name: string): Connection {
    const connection = openReader(join(directory, name));
    this.#connections.set(name, connection);
    connection.exec("BEGIN");
    // The transaction begins to hold its state with the first page that it reads.
    connection.prepare("SELECT count(*) FROM _synod_state").get();
    return connection;
  }
}

/** The backup reads through the connection's own transaction, so it sees the pinned state. */
async function copy(source: Connection, target: string, files: BlockingFiles): Promise<void> {
  let steps = 0;
  await source.backup(target, {
    progress() {
      steps += 1;
      if (steps % STEPS_PER_SYNC === 0) files.sync(target);
      return SNAPSHOT_STEP_PAGES;
    },
  });
}

function finishCopy(path: string, appliedIndex: number): void {
  const copied = openDetached(path);
  try {
    const position = BigInt(endOfSlot(appliedIndex));
    copied
      .prepare<[bigint, bigint]>(
        "UPDATE _synod_state SET value = ? WHERE key = 'position' AND value < ?",
      )
      .run(position, position);
  } finally {
    copied.close();
  }
}
