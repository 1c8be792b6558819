/** pg_class and the relations that say more of its rows. */
import type { Catalog, Column, Index, Relation, Table, View } from "../catalog/catalog.ts";
import { typeByOid } from "../types/registry.ts";
import { typeLayout } from "./pg-types.ts";
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";
import { type SystemRelation, systemRelations } from "./system-columns.ts";
import {
  BTREE_OID,
  flag,
  HASH_OID,
  HEAP_OID,
  INFORMATION_SCHEMA_OID,
  OWNER_OID,
  PG_CATALOG_OID,
  PG_CLASS_OID,
  PG_CONSTRAINT_OID,
  PUBLIC_OID,
  rowTypeOid,
} from "./system-oids.ts";

export const relationProducers: Producers = {
  *pg_class(source) {
    for (const relation of systemRelations) yield systemClass(relation);
    for (const relation of source.catalog.relations.values()) {
      yield userClass(relation, source.catalog);
    }
  },
  *pg_attribute(source) {
    for (const relation of systemRelations) yield* systemAttributes(relation);
    for (const relation of source.catalog.relations.values()) {
      yield* userAttributes(relation, source.catalog);
    }
  },
  *pg_attrdef(source) {
    for (const table of tablesOf(source)) yield* defaultsOf(table);
  },
  *pg_index(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind === "index") yield indexRow(relation, source.catalog);
    }
  },
  *pg_sequence(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "sequence") continue;
      yield {
        seqrelid: BigInt(relation.oid),
        seqtypid: BigInt(relation.typeOid),
        seqstart: relation.start,
        seqincrement: relation.increment,
        seqmax: relation.maximum,
        seqmin: relation.minimum,
        seqcache: 1n,
        seqcycle: flag(relation.cycle),
      };
    }
  },
  *pg_rewrite(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "view") continue;
      yield {
        oid: rowTypeOid(relation.oid) + 0x2000_0000n,
        rulename: "_RETURN",
        ev_class: BigInt(relation.oid),
        ev_type: "1",
        ev_enabled: "O",
        is_instead: 1n,
        ev_qual: "",
        ev_action: relation.query.postgres,
      };
    }
  },
  *pg_depend(source) {
    for (const relation of source.catalog.relations.values()) yield* ownership(relation, source);
  },
  *pg_description(source) {
    for (const relation of source.catalog.relations.values()) yield* comments(relation);
  },
};

export function* tablesOf(source: ProjectionSource): Iterable<Table> {
  for (const relation of source.catalog.relations.values()) {
    if (relation.kind === "table") yield relation;
  }
}

/** The catalog's table of that name; an index or sequence never outlives its table. */
export function tableNamed(name: string, catalog: Catalog): Table | undefined {
  const table = catalog.relations.get(name);
  return table?.kind === "table" ? table : undefined;
}

const CLASS_DEFAULTS: ProjectedRow = {
  reloftype: 0n,
  relowner: OWNER_OID,
  reltablespace: 0n,
  relpages: 0n,
  reltuples: -1,
  relallvisible: 0n,
  reltoastrelid: 0n,
  relisshared: 0n,
  relpersistence: "p",
  relchecks: 0n,
  relhassubclass: 0n,
  relrowsecurity: 0n,
  relforcerowsecurity: 0n,
  relispopulated: 1n,
  relispartition: 0n,
  relrewrite: 0n,
  relfrozenxid: 0n,
  relminmxid: 0n,
};

function systemClass({ schema, name, oid, kind, columns }: SystemRelation): ProjectedRow {
  return {
    ...CLASS_DEFAULTS,
    oid: BigInt(oid),
    relname: name,
    relnamespace: schema === "pg_catalog" ? PG_CATALOG_OID : INFORMATION_SCHEMA_OID,
    reltype: 0n,
    relam: kind === "table" ? HEAP_OID : 0n,
    relfilenode: 0n,
    relhasindex: 0n,
    relkind: kind === "table" ? "r" : "v",
    relnatts: BigInt(columns.length),
    relhasrules: flag(kind === "view"),
    relhastriggers: 0n,
    relreplident: "n",
  };
}

const KIND_LETTERS: Readonly<Record<Relation["kind"], string>> = {
  table: "r",
  view: "v",
  index: "i",
  sequence: "S",
};

function userClass(relation: Relation, catalog: Catalog): ProjectedRow {
  const oid = BigInt(relation.oid);
  const isTable = relation.kind === "table";
  return {
    ...CLASS_DEFAULTS,
    oid,
    relname: relation.name,
    relnamespace: PUBLIC_OID,
    reltype: isTable || relation.kind === "view" ? rowTypeOid(relation.oid) : 0n,
    relam: accessMethod(relation),
    relfilenode: relation.kind === "view" ? 0n : oid,
    relhasindex: flag(isTable && indexesOf(relation, catalog).length > 0),
    relkind: KIND_LETTERS[relation.kind],
    relnatts: BigInt(attributeCount(relation)),
    relchecks: BigInt(isTable ? checksOf(relation) : 0),
    relhasrules: flag(relation.kind === "view"),
    relhastriggers: flag(isTable && takesPartInForeignKeys(relation, catalog)),
    relreplident: isTable ? "d" : "n",
  };
}

function checksOf(table: Table): number {
  return table.constraints.filter((constraint) => constraint.kind === "check").length;
}

function accessMethod(relation: Relation): bigint {
  if (relation.kind === "table") return HEAP_OID;
  if (relation.kind !== "index") return 0n;
  return relation.method === "hash" ? HASH_OID : BTREE_OID;
}

const SEQUENCE_COLUMNS = 3;

function attributeCount(relation: Relation): number {
  switch (relation.kind) {
    case "table":
      return relation.nextColumnNumber - 1;
    case "view":
      return relation.columns.length;
    case "index":
      return relation.keys.length;
    case "sequence":
      return SEQUENCE_COLUMNS;
  }
}

export function indexesOf(table: Table, catalog: Catalog): readonly Index[] {
  const indexes: Index[] = [];
  for (const relation of catalog.relations.values()) {
    if (relation.kind === "index" && relation.table === table.name) indexes.push(relation);
  }
  return indexes;
}

/** PostgreSQL enforces foreign keys by triggers, on both sides. */
export function takesPartInForeignKeys(table: Table, catalog: Catalog): boolean {
  for (const other of catalog.relations.values()) {
    if (other.kind !== "table") continue;
    for (const constraint of other.constraints) {
      if (constraint.kind !== "foreignKey") continue;
      if (other.oid === table.oid || constraint.foreignTable === table.name) return true;
    }
  }
  return false;
}

function* systemAttributes(relation: SystemRelation): Iterable<ProjectedRow> {
  for (const [at, column] of relation.columns.entries()) {
    yield attribute(relation.oid, {
      name: column.name,
      number: at + 1,
      typeOid: column.typeOid,
      typeModifier: -1,
    });
  }
}

function* userAttributes(relation: Relation, catalog: Catalog): Iterable<ProjectedRow> {
  switch (relation.kind) {
    case "table":
    case "view":
      for (const column of relation.columns) {
        yield { ...attribute(relation.oid, column), ...columnAttributes(column) };
      }
      return;
    case "index":
      yield* indexAttributes(relation, catalog);
      return;
    case "sequence":
      for (const [at, [name, typeOid]] of SEQUENCE_ATTRIBUTES.entries()) {
        const row = attribute(relation.oid, { name, number: at + 1, typeOid, typeModifier: -1 });
        yield { ...row, attnotnull: 1n };
      }
  }
}

const SEQUENCE_ATTRIBUTES: readonly (readonly [string, number])[] = [
  ["last_value", 20],
  ["log_cnt", 20],
  ["is_called", 16],
];

const TEXT_OID = 25;

function* indexAttributes(index: Index, catalog: Catalog): Iterable<ProjectedRow> {
  const table = tableNamed(index.table, catalog);
  for (const [at, key] of index.keys.entries()) {
    const column = table?.columns.find((each) => each.name === key.column);
    yield attribute(index.oid, {
      name: key.column ?? "expr",
      number: at + 1,
      typeOid: column?.typeOid ?? TEXT_OID,
      typeModifier: column?.typeModifier ?? -1,
    });
  }
}

interface Attribute {
  readonly name: string;
  readonly number: number;
  readonly typeOid: number;
  readonly typeModifier: number;
}

function attribute(relationOid: number, column: Attribute): ProjectedRow {
  const layout = typeLayout(column.typeOid);
  return {
    attrelid: BigInt(relationOid),
    attname: column.name,
    atttypid: BigInt(column.typeOid),
    attstattarget: -1n,
    attlen: layout.length,
    attnum: BigInt(column.number),
    attndims: flag((typeByOid(column.typeOid)?.elementOid ?? 0) !== 0),
    attcacheoff: -1n,
    atttypmod: BigInt(column.typeModifier),
    attbyval: layout.byValue,
    attalign: layout.alignment,
    attstorage: layout.storage,
    attcompression: "",
    attnotnull: 0n,
    atthasdef: 0n,
    atthasmissing: 0n,
    attidentity: "",
    attgenerated: "",
    attisdropped: 0n,
    attislocal: 1n,
    attinhcount: 0n,
    attcollation: layout.collation,
  };
}

function columnAttributes(column: Column): ProjectedRow {
  const identity = { always: "a", byDefault: "d" } as const;
  return {
    attnotnull: flag(column.notNull),
    atthasdef: flag(column.default !== null),
    attidentity: column.identity === null ? "" : identity[column.identity],
    attgenerated: column.generated === true ? "s" : "",
  };
}

/** Defaults have no OID in the Catalog; this one is as stable as the column. */
function* defaultsOf(table: Table): Iterable<ProjectedRow> {
  for (const column of table.columns) {
    if (column.default === null) continue;
    yield {
      oid: 0x8000_0000n + ((BigInt(table.oid) * 1601n + BigInt(column.number)) % 0x7fff_ffffn),
      adrelid: BigInt(table.oid),
      adnum: BigInt(column.number),
      adbin: column.default.postgres,
    };
  }
}

function indexRow(index: Index, catalog: Catalog): ProjectedRow {
  const table = tableNamed(index.table, catalog);
  const columns = index.keys.map((key) => table?.columns.find((each) => each.name === key.column));
  const primary = table?.constraints.some(
    (constraint) => constraint.kind === "primaryKey" && constraint.indexOid === index.oid,
  );
  const expressions = index.keys.flatMap((key) => key.expression?.postgres ?? []);
  return {
    indexrelid: BigInt(index.oid),
    indrelid: BigInt(table?.oid ?? 0),
    indnatts: BigInt(index.keys.length),
    indnkeyatts: BigInt(index.keys.length),
    indisunique: flag(index.unique),
    indnullsnotdistinct: 0n,
    indisprimary: flag(primary === true),
    indisexclusion: 0n,
    indimmediate: 1n,
    indisclustered: 0n,
    indisvalid: 1n,
    indcheckxmin: 0n,
    indisready: 1n,
    indislive: 1n,
    indisreplident: 0n,
    indkey: JSON.stringify(columns.map((column) => column?.number ?? 0)),
    indcollation: JSON.stringify(
      columns.map((column) => Number(typeLayout(column?.typeOid ?? 0).collation)),
    ),
    indclass: JSON.stringify(columns.map(() => 0)),
    indoption: JSON.stringify(
      index.keys.map((key) => (key.descending ? 1 : 0) + (key.nullsFirst ? 2 : 0)),
    ),
    indexprs: expressions.length === 0 ? null : expressions.join(", "),
    indpred: index.where?.postgres ?? null,
  };
}

/** What owns what: the "auto" and "internal" dependencies of sequences on their columns. */
function* ownership(relation: Relation, source: ProjectionSource): Iterable<ProjectedRow> {
  if (relation.kind !== "sequence" || relation.ownedBy === null) return;
  const owner = relation.ownedBy;
  const table = tableNamed(owner.table, source.catalog);
  const column = table?.columns.find((each) => each.name === owner.column);
  if (table === undefined || column === undefined) return;
  yield {
    classid: PG_CLASS_OID,
    objid: BigInt(relation.oid),
    objsubid: 0n,
    refclassid: PG_CLASS_OID,
    refobjid: BigInt(table.oid),
    refobjsubid: BigInt(column.number),
    deptype: column.identity === null ? "a" : "i",
  };
}

function* comments(relation: Relation): Iterable<ProjectedRow> {
  const objoid = BigInt(relation.oid);
  if (relation.comment !== undefined) {
    yield { objoid, classoid: PG_CLASS_OID, objsubid: 0n, description: relation.comment };
  }
  if (relation.kind === "table" || relation.kind === "view") yield* columnComments(relation);
  if (relation.kind !== "table") return;
  for (const constraint of relation.constraints) {
    if (constraint.comment === undefined) continue;
    yield {
      objoid: BigInt(constraint.oid),
      classoid: PG_CONSTRAINT_OID,
      objsubid: 0n,
      description: constraint.comment,
    };
  }
}

function* columnComments(relation: Table | View): Iterable<ProjectedRow> {
  for (const column of relation.columns) {
    if (column.comment === undefined) continue;
    yield {
      objoid: BigInt(relation.oid),
      classoid: PG_CLASS_OID,
      objsubid: BigInt(column.number),
      description: column.comment,
    };
  }
}
