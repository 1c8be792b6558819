import type { ApplyReport, DatabaseInfo, MachineState } from "../machine/state-machine.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";

export interface KnownDatabase {
  readonly info: DatabaseInfo;
  readonly catalog: Catalog;
}

/** The databases and their newest catalogs, as this node's state machine has them. */
export class Catalogs {
  readonly #databases = new Map<number, KnownDatabase>();

  /** Starts over from what the machine holds (after open or restore). */
  replaceAll(databases: MachineState["databases"]): void {
    this.#databases.clear();
    for (const database of databases) this.#databases.set(database.info.id, database);
  }

  applied(changes: ApplyReport["changedDatabases"]): void {
    for (const { info, catalog } of changes) {
      if (catalog === null) this.#databases.delete(info.id);
      else this.#databases.set(info.id, { info, catalog });
    }
  }

  byName(name: string): KnownDatabase | undefined {
    return [...this.#databases.values()].find(({ info }) => info.name === name);
  }

  byId(id: number): KnownDatabase | undefined {
    return this.#databases.get(id);
  }
}
