/**
 * The functions of PostgreSQL that describe its own objects (manual, 9.26): definitions, names of
 * OIDs, comments, privileges, sizes. psql and the ORMs ask them beside pg_catalog.
 */
import type { Catalog, Constraint, Relation } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import {
  bare,
  constraintDefinition,
  indexDefinition,
  indexKeyDefinition,
} from "../relations/definitions.ts";
import { quotedName } from "../relations/quoted-name.ts";
import { systemRelations } from "../relations/system-columns.ts";
import { OWNER_NAME, OWNER_OID } from "../relations/system-oids.ts";
import { typeText } from "../schema/column-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";
import type { FunctionContext } from "./function.ts";
import { contextual, internal, type LibraryEntry } from "./signature.ts";

type Args = readonly SqliteValue[];

/** A function of OIDs and the catalog, NULL when its first argument is. */
function describing(
  declarations: string,
  call: (catalog: Catalog, oid: number, args: Args) => SqliteValue,
): LibraryEntry {
  return contextual(declarations, ({ catalog }: FunctionContext, args) =>
    args[0] === null || args[0] === undefined ? null : call(catalog, Number(args[0]), args),
  );
}

const definitionFunctions: readonly LibraryEntry[] = [
  describing("pg_get_indexdef(oid) text; pg_get_indexdef(oid, int4, bool) text", indexText),
  describing(
    "pg_get_constraintdef(oid) text; pg_get_constraintdef(oid, bool) text",
    (catalog, oid, args) => {
      const constraint = constraintByOid(catalog, oid);
      return constraint && constraintDefinition(constraint, { pretty: args[1] === 1n });
    },
  ),
  describing(
    "pg_get_viewdef(oid) text; pg_get_viewdef(oid, bool) text; pg_get_viewdef(oid, int4) text",
    (catalog, oid) => {
      const relation = relationByOid(catalog, oid);
      return relation?.kind === "view" ? `${relation.query.postgres};` : null;
    },
  ),
  contextual("pg_get_expr(text, oid) text; pg_get_expr(text, oid, bool) text", (_context, args) => {
    const [text, , pretty] = args;
    return typeof text === "string" && pretty === 1n ? bare(text) : (text ?? null);
  }),
  contextual("pg_get_serial_sequence(text, text) text", ({ catalog }, [table, column]) => {
    if (typeof table !== "string" || typeof column !== "string") return null;
    return serialSequence(catalog, table, column);
  }),
  describing("pg_get_triggerdef(oid) text; pg_get_triggerdef(oid, bool) text", () => null),
  describing("pg_get_ruledef(oid) text; pg_get_ruledef(oid, bool) text", () => null),
  describing("pg_get_statisticsobjdef(oid) text", () => null),
  describing("pg_get_statisticsobjdef_columns(oid) text", () => null),
  describing("pg_get_partkeydef(oid) text", () => null),
  describing("pg_get_functiondef(oid) text", () => null),
  describing("pg_get_function_result(oid) text", () => null),
  describing("pg_get_function_arguments(oid) text", () => null),
  describing("pg_get_function_identity_arguments(oid) text", () => null),
  describing("pg_get_function_sqlbody(oid) text", () => null),
];

function indexText(catalog: Catalog, oid: number, args: Args): string | null {
  const index = relationByOid(catalog, oid);
  if (index?.kind !== "index") return null;
  const style = { pretty: args[2] === 1n };
  const number = Number(args[1] ?? 0n);
  if (number === 0) return indexDefinition(index, style);
  const key = index.keys[number - 1];
  return key === undefined ? "" : indexKeyDefinition(key, style);
}

function serialSequence(catalog: Catalog, table: string, column: string): string | null {
  const name = relationNameOf(table);
  const relation = catalog.relations.get(name);
  if (relation === undefined) throw new SqlError("42P01", `relation "${name}" does not exist`);
  const found =
    relation.kind === "table" ? relation.columns.find((each) => each.name === column) : undefined;
  if (found === undefined) {
    const text = `column "${column}" of relation "${name}" does not exist`;
    throw new SqlError("42703", text);
  }
  return found.ownedSequence === null ? null : `public.${quotedName(found.ownedSequence)}`;
}

const namingFunctions: readonly LibraryEntry[] = [
  contextual("format_type(oid, int4) text", (_context, [oid, modifier]) => {
    if (oid === null || oid === undefined) return null;
    return formatType(Number(oid), modifier === null ? -1 : Number(modifier));
  }),
  describing("pg_get_userbyid(oid) name", (_catalog, oid) =>
    BigInt(oid) === OWNER_OID ? OWNER_NAME : `unknown (OID=${oid})`,
  ),
  describing("pg_encoding_to_char(int4) name", (_catalog, encoding) =>
    encoding === 6 ? "UTF8" : "",
  ),
  contextual("pg_char_to_encoding(name) int4", (_context, [name]) =>
    /^utf-?8$/i.test(String(name)) ? 6n : -1n,
  ),
  contextual("to_regclass(text) regclass", ({ catalog }, [name]) => {
    if (typeof name !== "string") return null;
    const oid = relationOidOf(catalog, name);
    return oid === undefined ? null : BigInt(oid);
  }),
  ...visibilityFunctions(),
];

/** Every schema with user objects is on the search path. */
function visibilityFunctions(): LibraryEntry[] {
  const visible = (catalog: Catalog, oid: number): SqliteValue => {
    const found = relationByOid(catalog, oid) ?? systemRelations.find((each) => each.oid === oid);
    if (found === undefined) return null;
    return "schema" in found && found.schema === "information_schema" ? 0n : 1n;
  };
  return [
    describing("pg_table_is_visible(oid) bool", visible),
    ...["type", "function", "operator", "opclass", "collation", "conversion", "ts_config"].map(
      (kind) => describing(`pg_${kind}_is_visible(oid) bool`, () => 1n),
    ),
  ];
}

const commentFunctions: readonly LibraryEntry[] = [
  describing("col_description(oid, int4) text", (catalog, oid, args) => {
    const relation = relationByOid(catalog, oid);
    if (relation?.kind !== "table" && relation?.kind !== "view") return null;
    const column = relation.columns.find((each) => BigInt(each.number) === args[1]);
    return column?.comment ?? null;
  }),
  describing("obj_description(oid) text; obj_description(oid, name) text", (catalog, oid, args) => {
    if (args[1] === "pg_constraint") return constraintByOid(catalog, oid)?.comment ?? null;
    return args[1] === "pg_class" || args[1] === undefined
      ? (relationByOid(catalog, oid)?.comment ?? null)
      : null;
  }),
  describing("shobj_description(oid, name) text", () => null),
];

/** The one role may do everything; its name is all that is looked at. */
const PRIVILEGED: readonly string[] = [
  "has_table_privilege",
  "has_sequence_privilege",
  "has_schema_privilege",
  "has_database_privilege",
  "has_function_privilege",
  "has_type_privilege",
  "has_tablespace_privilege",
  "has_language_privilege",
  "has_any_column_privilege",
];

const privilegeFunctions: readonly LibraryEntry[] = [
  ...PRIVILEGED.map((name) => {
    const objects = ["oid", "text"];
    const declarations = objects.flatMap((object) => [
      `${name}(${object}, text) bool`,
      `${name}(name, ${object}, text) bool`,
      `${name}(oid, ${object}, text) bool`,
    ]);
    return contextual(declarations.join("; "), allowed);
  }),
  contextual(
    "has_column_privilege(text, text, text) bool; has_column_privilege(oid, text, text) bool; " +
      "has_column_privilege(oid, int2, text) bool; " +
      "has_column_privilege(name, text, text, text) bool; " +
      "has_column_privilege(name, oid, text, text) bool; " +
      "has_column_privilege(name, oid, int2, text) bool",
    allowed,
  ),
  contextual(
    "pg_has_role(name, text) bool; pg_has_role(oid, text) bool; " +
      "pg_has_role(name, name, text) bool; pg_has_role(name, oid, text) bool; " +
      "pg_has_role(oid, oid, text) bool",
    allowed,
  ),
  contextual("row_security_active(oid) bool; row_security_active(text) bool", (_context, args) =>
    args[0] === null ? null : 0n,
  ),
];

function allowed(_context: FunctionContext, args: Args): SqliteValue {
  return args.includes(null) ? null : 1n;
}

/** Sizes on disk are not known to SQL here: the file is shared by all relations. */
const sizeFunctions: readonly LibraryEntry[] = [
  ...["pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_total_relation_size"].map(
    (name) => describing(`${name}(oid) int8`, () => 0n),
  ),
  describing("pg_relation_size(oid, text) int8", () => 0n),
  contextual("pg_database_size(oid) int8; pg_database_size(name) int8", (_context, [database]) =>
    database === null ? null : 0n,
  ),
  describing("pg_tablespace_size(oid) int8", () => 0n),
  describing("pg_tablespace_location(oid) text", () => ""),
  describing("pg_relation_filenode(oid) oid", (catalog, oid) =>
    relationByOid(catalog, oid) === undefined ? null : BigInt(oid),
  ),
  describing("pg_relation_is_publishable(oid) bool", (catalog, oid) =>
    relationByOid(catalog, oid)?.kind === "table" ? 1n : 0n,
  ),
  describing("pg_size_pretty(int8) text", (_catalog, _oid, [size]) =>
    typeof size === "bigint" ? prettySize(size) : null,
  ),
  describing("pg_stat_get_numscans(oid) int8", () => 0n),
];

const SIZE_UNITS: readonly string[] = ["kB", "MB", "GB", "TB", "PB"];

/** A size in bytes for humans: the unit changes at ten (bytes) or twenty thousand and some. */
function prettySize(bytes: bigint): string {
  const magnitude = bytes < 0n ? -bytes : bytes;
  if (magnitude < 10n * 1024n) return `${bytes} bytes`;
  // Twice the size, so that halves can be rounded.
  let doubled = bytes / 512n;
  let unit = 0;
  while (unit < SIZE_UNITS.length - 1 && (doubled < 0n ? -doubled : doubled) >= 20n * 1024n - 1n) {
    doubled /= 1024n;
    unit += 1;
  }
  return `${(doubled + (doubled < 0n ? -1n : 1n)) / 2n} ${SIZE_UNITS[unit] ?? "PB"}`;
}

/** Ends the statement with an error: what a schema statement verifies about rows calls it. */
const failFunction = internalFail();

function internalFail(): LibraryEntry {
  const entry = internal("synod_fail", 6, () => null);
  const scalar = entry.scalar && { ...entry.scalar, deterministic: false, call: fail };
  return { signatures: [], scalar };
}

function fail(_context: FunctionContext, args: Args): never {
  const [sqlState, message, detail, table, constraint, column] = args.map((arg) =>
    typeof arg === "string" ? arg : undefined,
  );
  throw new SqlError(sqlState ?? "XX000", message ?? "", {
    schema: "public",
    ...(detail === undefined ? {} : { detail }),
    ...(table === undefined ? {} : { table }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(column === undefined ? {} : { column }),
  });
}

export const catalogFunctions: readonly LibraryEntry[] = [
  ...definitionFunctions,
  ...namingFunctions,
  ...commentFunctions,
  ...privilegeFunctions,
  ...sizeFunctions,
  failFunction,
];

function formatType(oid: number, modifier: number): string {
  if (oid === 0) return "-";
  return typeByOid(oid) === undefined ? "???" : typeText(oid, modifier);
}

function relationByOid(catalog: Catalog, oid: number): Relation | undefined {
  for (const relation of catalog.relations.values()) if (relation.oid === oid) return relation;
  return undefined;
}

function constraintByOid(catalog: Catalog, oid: number): Constraint | null {
  for (const relation of catalog.relations.values()) {
    if (relation.kind !== "table") continue;
    const found = relation.constraints.find((constraint) => constraint.oid === oid);
    if (found !== undefined) return found;
  }
  return null;
}

/** The bare name of a relation as text gives it: folded unless quoted, "public." left out. */
function relationNameOf(text: string): string {
  const parts = text.match(/"(?:[^"]|"")*"|[^."]+/g) ?? [];
  const last = parts.at(-1) ?? "";
  return last.startsWith('"') ? last.slice(1, -1).replaceAll('""', '"') : last.toLowerCase();
}

/** OID of a relation by text as in 'public.t'::regclass; undefined if there is none. */
export function relationOidOf(catalog: Catalog, text: string): number | undefined {
  const name = relationNameOf(text);
  const schema = /^([^.]+)\./.exec(text)?.[1];
  const user =
    schema === undefined || schema === "public" ? catalog.relations.get(name) : undefined;
  if (user !== undefined) return user.oid;
  return systemRelations.find(
    (each) => each.name === name && each.schema === (schema ?? "pg_catalog"),
  )?.oid;
}
