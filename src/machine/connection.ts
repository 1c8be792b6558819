/**
 * The only place where SQLite is opened, so that every connection, writing or reading, on every
 * node answers alike. What a pragma below changes is part of what replicas must agree on.
 */
import Database from "better-sqlite3";

export type Connection = Database.Database;
export type Statement = Database.Statement<unknown[]>;

/**
 * What a commit promises of the disk. `lazy`: what SQLite calls NORMAL: after a power loss a file
 * may be at an earlier commit, but is whole; the log replays the rest. `none`: nothing is synced, for
 * simulations whose disk is thrown away.
 */
export type Durability = "lazy" | "none";

/** Pragmas with an influence on results: equal everywhere. */
const RESULT_PRAGMAS: readonly (readonly [name: string, value: string])[] = [
  // PostgreSQL enforces them; SQLite's own default depends on how it was built.
  ["foreign_keys", "ON"],
  // LIKE of PostgreSQL tells upper from lower case.
  ["case_sensitive_like", "ON"],
  // This build turns them on; a trigger that fires itself would be a difference to the documented default.
  ["recursive_triggers", "OFF"],
  ["ignore_check_constraints", "OFF"],
  // Our functions replace built-ins in defaults and triggers only while the schema is trusted.
  ["trusted_schema", "ON"],
  ["legacy_alter_table", "OFF"],
  ["reverse_unordered_selects", "OFF"],
  ["automatic_index", "ON"],
];

/** Pages of -wal after which a commit moves them into the file. Larger than the default: each costs two syncs. */
const CHECKPOINT_PAGES = 4000;
const WAL_BYTES_KEPT = 64 * 1024 * 1024;
const PAGE_BYTES = 4096;

/** Opens a file for the one writer, creating it if it does not exist. */
export function openWriter(path: string, durability: Durability): Connection {
  const connection = open(path);
  connection.pragma(`page_size = ${PAGE_BYTES}`);
  connection.pragma("journal_mode = WAL");
  connection.pragma(`synchronous = ${durability === "lazy" ? "NORMAL" : "OFF"}`);
  connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  connection.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
  return connection;
}

/**
 * Opens an existing file for reading. SQLite lets a connection that is read-only as a whole write
 * not even to its own in-memory schemas, which the system relations live in; query_only refuses
 * writes instead, and readers prepare nothing that is not a query.
 */
export function openReader(path: string): Connection {
  const connection = open(path, { fileMustExist: true });
  connection.pragma("query_only = ON");
  return connection;
}

/** A connection to nothing but memory, to ask built-in functions. */
export function openScratch(): Connection {
  return open(":memory:");
}

/** Opens a file in one piece (no -wal beside it), as snapshots are kept. */
export function openDetached(path: string): Connection {
  const connection = open(path, { fileMustExist: true });
  connection.pragma("journal_mode = DELETE");
  connection.pragma("synchronous = FULL");
  return connection;
}

function open(path: string, options: Database.Options = {}): Connection {
  const connection = new Database(path, options);
  connection.defaultSafeIntegers(true);
  for (const [name, value] of RESULT_PRAGMAS) connection.pragma(`${name} = ${value}`);
  connection.pragma("temp_store = MEMORY");
  return connection;
}
