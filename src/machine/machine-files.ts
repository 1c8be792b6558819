import { assert } from "../base/assert.ts";
import type { Durability } from "./connection.ts";
import { DatabaseFile } from "./database-file.ts";
import type { MachineDirectory } from "./machine-directory.ts";
import type { StateFile } from "./state-file.ts";
import type { DatabaseId, DatabaseInfo } from "./state-machine.ts";
import { SystemFile } from "./system-file.ts";

/** The files in use that one machine has open: the one that says which databases there are, and theirs. */
export class MachineFiles {
  readonly #directory: MachineDirectory;
  readonly #durability: Durability;
  readonly #databases = new Map<DatabaseId, DatabaseFile>();
  #system: SystemFile | null = null;

  constructor(directory: MachineDirectory, durability: Durability) {
    this.#directory = directory;
    this.#durability = durability;
  }

  get areOpen(): boolean {
    return this.#system !== null;
  }

  get system(): SystemFile {
    assert(this.#system !== null, "the machine is not open");
    return this.#system;
  }

  /** In the order of their ids. */
  get databases(): readonly DatabaseFile[] {
    // Ids only grow, so the order of insertion is theirs.
    return [...this.#databases.values()];
  }

  /** The system file and the databases, in the order of their ids. */
  get all(): readonly StateFile[] {
    return [this.system.state, ...this.databases.map(({ state }) => state)];
  }

  find(id: DatabaseId): DatabaseFile | undefined {
    return this.#databases.get(id);
  }

  /** Opens the system file; the databases that there are, for `openDatabase`. */
  open(): readonly DatabaseInfo[] {
    this.#system = new SystemFile(this.#directory.systemPath, this.#durability);
    return this.#system.databases;
  }

  openDatabase(info: DatabaseInfo): DatabaseFile {
    const { system } = this;
    const path = this.#directory.databasePath(info.id);
    const database = new DatabaseFile(info, path, this.#durability, () => system.databases);
    this.#databases.set(info.id, database);
    return database;
  }

  closeDatabase(id: DatabaseId): void {
    this.#databases.get(id)?.state.close();
    this.#databases.delete(id);
  }

  /** Another machine may have written the files: those are open that there are now. */
  refresh(): void {
    if (this.#system === null) this.open();
    this.system.refresh();
    const known = new Map(this.system.databases.map((info) => [info.id, info]));
    for (const id of this.#databases.keys()) if (!known.has(id)) this.closeDatabase(id);
    for (const info of known.values()) if (!this.#databases.has(info.id)) this.openDatabase(info);
  }

  close(): void {
    for (const file of this.all) file.close();
    this.#databases.clear();
    this.#system = null;
  }
}
