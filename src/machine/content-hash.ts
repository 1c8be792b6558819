/**
 * What a file says, independent of how its pages lie: the schema in the order of names, then every
 * table's rows in the order of their rowid or primary key. What may differ between equal replicas is
 * left out: how far positions were written, and the planner's statistics.
 */
import type { Hash } from "node:crypto";
import { ByteWriter } from "../base/bytes.ts";
import type { SqliteValue } from "../sql/values.ts";
import { writeValue } from "./command.ts";
import type { Connection } from "./connection.ts";

type Row = readonly SqliteValue[];

/** Adds one file's content, as the connection's transaction sees it. */
export function addContent(connection: Connection, hash: Hash): void {
  addRows(
    connection,
    hash,
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_stat*' ORDER BY type, name",
  );
  const tables = connection.prepare(
    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual', 'shadow') AND name NOT GLOB 'sqlite_stat*' AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema') ORDER BY name",
  );
  for (const [name, withoutRowid] of tables.raw(true).all() as [string, bigint][]) {
    hash.update(`\n${name}\n`);
    addRows(connection, hash, allRows(name, withoutRowid === 1n));
  }
}

function allRows(table: string, withoutRowid: boolean): string {
  const name = `"${table.replaceAll('"', '""')}"`;
  if (table === "_synod_state") {
    return "SELECT key, value FROM _synod_state WHERE key <> 'position' ORDER BY key";
  }
  // NOT INDEXED reads the table itself, in the order of its primary key.
  return withoutRowid
    ? `SELECT * FROM ${name} NOT INDEXED`
    : `SELECT _rowid_, * FROM ${name} ORDER BY _rowid_`;
}

function addRows(connection: Connection, hash: Hash, sql: string): void {
  const rows = connection.prepare(sql).raw(true).iterate() as IterableIterator<Row>;
  for (const row of rows) {
    const writer = new ByteWriter();
    for (const value of row) writeValue(writer, value);
    hash.update(writer.finish());
  }
}
