/**
 * The machine's directory, and what is made of it after a crash.
 *
 *     <directory>/
 *       files/       the files in use
 *         system.db  which databases there are (with -wal and -shm while open)
 *         <id>.db    one a database
 *       creating/    the files of a new machine, not whole yet
 *       incoming/    the files of a snapshot, being copied or about to take over
 *       retired/     the files that a restore has replaced
 *
 * A restore copies and syncs everything in incoming/, and then switches:
 *
 *     1. files/ is renamed to retired/      2. incoming/ is renamed to files/     3. retired/ is removed
 *
 * with a sync of <directory> after each, so that only these states can be found:
 *
 * | case | found | decision |
 * | A | nothing, or no directory | a new machine is created |
 * | B | creating/ alone, or beside files/ | the creation did not finish: removed, and A if there is no files/ |
 * | C | files/ alone | in use |
 * | D | files/ and incoming/ | the restore did not get to its switch: incoming/ removed; reported |
 * | E | retired/ and incoming/, no files/ | between 1 and 2: incoming/ is whole; step 2 and 3 are done |
 * | F | files/ and retired/ | between 2 and 3: step 3 is done |
 * | G | incoming/ alone | no crash of ours leaves this: files/ was taken away. Refused |
 * | H | retired/ alone | as G |
 * | I | files/ without system.db | as G: files were taken away. Refused |
 *
 * Inside files/, SQLite may bring each file back to an earlier commit of that file alone after a
 * power loss, never to one before the last that was made durable:
 *
 * | case | found | decision |
 * | J | files at different positions | replay starts at the lowest; each passes over what it has |
 * | K | <id>.db without a row in system.db | CREATE DATABASE was not committed there, or went back, or DROP did not get to remove the file: removed; replay creates it again if so decided |
 * | L | <id>.db-wal or -shm without <id>.db | the removal was cut short: removed, lest SQLite takes it for a new file's |
 * | M | a row without <id>.db | cannot be: the file is durable before the row is written, and the row's removal before the file's. Refused |
 */
import { dirname, join } from "node:path";
import type { BlockingFiles } from "../base/files-blocking.ts";
import type { Durability } from "./connection.ts";
import { createDatabaseFile } from "./database-file.ts";
import type { SessionRow } from "./dedupe.ts";
import { MachineError } from "./machine-error.ts";
import { endOfSlot } from "./state-file.ts";
import type { DatabaseId } from "./state-machine.ts";
import { createSystemFile, FIRST_DATABASE } from "./system-file.ts";

const SYSTEM_FILE = "system.db";
const DATABASE_FILE = /^([1-9]\d*)\.db(-wal|-shm|-journal)?$/;

/** What `settle` found. */
export interface DirectoryState {
  /** There was no machine: one to which nothing was applied was created. */
  readonly createdNow: boolean;
  /** A restore had begun and was given up; the files are those from before it. */
  readonly restoreInterrupted: boolean;
}

export class MachineDirectory {
  readonly #files: BlockingFiles;
  readonly #root: string;
  readonly #durability: Durability;

  constructor(root: string, files: BlockingFiles, durability: Durability) {
    this.#root = root;
    this.#files = files;
    this.#durability = durability;
  }

  get inUse(): string {
    return filesDirectoryOf(this.#root);
  }

  get systemPath(): string {
    return join(this.inUse, SYSTEM_FILE);
  }

  databasePath(id: DatabaseId): string {
    return join(this.inUse, databaseFileName(id));
  }

  /** Brings the directory into case C; throws MachineError for one that lost files. */
  settle(): DirectoryState {
    this.#files.makeDirectory(this.#root);
    this.#files.sync(dirname(this.#root));
    const found = new Set(this.#files.list(this.#root));
    this.#discard("creating");
    if (found.has("files")) {
      this.#discard("retired");
      this.#discard("incoming");
      this.#requireSystemFile();
      return { createdNow: false, restoreInterrupted: found.has("incoming") };
    }
    if (found.has("retired") && found.has("incoming")) {
      this.#takeOver();
      this.#requireSystemFile();
      return { createdNow: false, restoreInterrupted: false };
    }
    if (found.has("retired") || found.has("incoming")) {
      throw new MachineError(`${this.#root} has lost its files`);
    }
    this.#create();
    return { createdNow: true, restoreInterrupted: false };
  }

  /** Removes what belongs to no database of the list (cases K and L), and checks case M. */
  removeStrays(databases: ReadonlySet<DatabaseId>): void {
    const names = this.#files.list(this.inUse);
    const strays = new Set<DatabaseId>();
    for (const name of names) {
      const id = Number(DATABASE_FILE.exec(name)?.[1] ?? 0);
      if (id > 0 && !databases.has(id)) strays.add(id);
    }
    for (const id of strays) this.removeDatabase(id);
    for (const id of databases) {
      if (names.includes(databaseFileName(id))) continue;
      throw new MachineError(`${this.databasePath(id)} is missing`);
    }
  }

  /** Creates a database's file; it is durable, with its name, when this returns. */
  createDatabase(id: DatabaseId, position: number, sessions: Iterable<SessionRow>): void {
    this.removeDatabase(id);
    createDatabaseFile(this.databasePath(id), position, sessions, this.#durability);
    this.#files.sync(this.databasePath(id));
    this.#files.sync(this.inUse);
  }

  /** Removes a database's file. The -wal goes first: one that is left would be replayed into a new file. */
  removeDatabase(id: DatabaseId): void {
    const path = this.databasePath(id);
    for (const suffix of ["-wal", "-shm", "-journal"]) this.#files.remove(path + suffix);
    this.#files.sync(this.inUse);
    this.#files.remove(path);
    this.#files.sync(this.inUse);
  }

  /**
   * Copies a snapshot's files beside those in use; `switchToIncoming` puts them in place. Throws if
   * a name is not one of ours or cannot be copied: then nothing has changed.
   */
  copyIncoming(from: string, names: readonly string[]): void {
    const incoming = join(this.#root, "incoming");
    this.#discard("incoming");
    if (!names.includes(SYSTEM_FILE)) throw new MachineError(`the snapshot has no ${SYSTEM_FILE}`);
    try {
      this.#files.makeDirectory(incoming);
      for (const name of names) {
        if (name !== SYSTEM_FILE && DATABASE_FILE.exec(name)?.[2] !== undefined) continue;
        if (name !== SYSTEM_FILE && !DATABASE_FILE.test(name)) {
          throw new MachineError(`${name} is no file of a machine`);
        }
        this.#files.copy(join(from, name), join(incoming, name));
        this.#files.sync(join(incoming, name));
      }
      this.#files.sync(incoming);
      this.#files.sync(this.#root);
    } catch (error) {
      this.#discard("incoming");
      throw error;
    }
  }

  /** Replaces the files in use, none of which may be open, by the incoming ones. */
  switchToIncoming(): void {
    this.#discard("retired");
    this.#files.rename(this.inUse, join(this.#root, "retired"));
    this.#files.sync(this.#root);
    this.#takeOver();
  }

  get incomingSystemPath(): string {
    return join(this.#root, "incoming", SYSTEM_FILE);
  }

  incomingDatabasePath(id: DatabaseId): string {
    return join(this.#root, "incoming", databaseFileName(id));
  }

  #takeOver(): void {
    this.#files.rename(join(this.#root, "incoming"), this.inUse);
    this.#files.sync(this.#root);
    this.#discard("retired");
  }

  #create(): void {
    const creating = join(this.#root, "creating");
    this.#files.makeDirectory(creating);
    const first = join(creating, databaseFileName(FIRST_DATABASE.id));
    createDatabaseFile(first, endOfSlot(0), [], this.#durability);
    createSystemFile(join(creating, SYSTEM_FILE), this.#durability);
    this.#files.sync(first);
    this.#files.sync(join(creating, SYSTEM_FILE));
    this.#files.sync(creating);
    this.#files.rename(creating, this.inUse);
    this.#files.sync(this.#root);
  }

  #discard(name: string): void {
    const path = join(this.#root, name);
    if (!this.#files.exists(path)) return;
    this.#files.removeDirectory(path);
    this.#files.sync(this.#root);
  }

  #requireSystemFile(): void {
    if (this.#files.exists(this.systemPath)) return;
    throw new MachineError(`${this.systemPath} is missing`);
  }
}

/** Where the files in use are below a machine's directory. */
export function filesDirectoryOf(root: string): string {
  return join(root, "files");
}

/** The name of a database's file in a machine's directory and in a snapshot. */
export function databaseFileName(id: DatabaseId): string {
  return `${id}.db`;
}

/** The name of the system file in a machine's directory and in a snapshot. */
export const systemFileName = SYSTEM_FILE;
