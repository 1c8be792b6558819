/** The catalog as one database's file holds it: rows of `_synod_catalog` and of `_synod_state`. */
import { type Catalog, FIRST_USER_OID, type Relation } from "../sql/catalog/catalog.ts";
import { decodeRelation } from "../sql/catalog/stored.ts";
import type { Connection } from "./connection.ts";
import { readStateNumber } from "./state-file.ts";

interface Decoded {
  readonly text: string;
  readonly relation: Relation;
}

/** Loads catalogs from one connection; definitions that did not change are decoded once. */
export class CatalogStore {
  readonly #connection: Connection;
  #decoded: ReadonlyMap<string, Decoded> = new Map();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The version as the connection sees it now. */
  version(): number {
    return readStateNumber(this.#connection, "catalog_version", 0);
  }

  /** The whole catalog as the connection sees it now, called `version`. */
  load(version: number): Catalog {
    const rows = this.#connection
      .prepare<[], [string, string]>("SELECT name, definition FROM _synod_catalog ORDER BY name")
      .raw(true)
      .all() as [string, string][];
    const decoded = new Map<string, Decoded>();
    const relations = new Map<string, Relation>();
    for (const [name, text] of rows) {
      const known = this.#decoded.get(name);
      const entry = known?.text === text ? known : { text, relation: decodeRelation(text) };
      decoded.set(name, entry);
      relations.set(name, entry.relation);
    }
    this.#decoded = decoded;
    const nextOid = readStateNumber(this.#connection, "next_oid", FIRST_USER_OID);
    return { version, nextOid, relations };
  }
}

/** Whether a constraint may be broken until the transaction ends: then a command needs its own. */
export function defersConstraints(catalog: Catalog): boolean {
  for (const relation of catalog.relations.values()) {
    if (relation.kind !== "table") continue;
    for (const constraint of relation.constraints) {
      if (constraint.kind === "foreignKey" && constraint.initiallyDeferred) return true;
    }
  }
  return false;
}
