/** Facts about the server, the same on every node. */
import { type LibraryEntry, native } from "./signature.ts";

const VERSION = "PostgreSQL 15.0 (Synod 0.1.0)";

export const systemFunctions: readonly LibraryEntry[] = [
  native("version() text", `'${VERSION}'`),
  native("current_schema() name", "'public'"),
  native("current_schemas(bool) name[]", `iif($1, '["pg_catalog","public"]', '["public"]')`),
  native("pg_is_in_recovery() bool", "0"),
  native("inet_server_port() int4", "NULL"),
  native("inet_server_addr() text", "NULL"),
  native("inet_client_addr() text", "NULL"),
  native("inet_client_port() int4", "NULL"),
  native("pg_my_temp_schema() oid", "0"),
  native("pg_is_other_temp_schema(oid) bool", "0"),
  native("pg_partition_root(regclass) regclass", "NULL"),
  native("pg_client_encoding() name", "'UTF8'"),
  native("pg_jit_available() bool", "0"),
  native("pg_opfamily_is_visible(oid) bool; pg_statistics_obj_is_visible(oid) bool", "1"),
];
