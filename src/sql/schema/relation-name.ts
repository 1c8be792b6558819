import type { RangeVar } from "libpg-query";
import { notSupported, SqlError } from "../errors.ts";

/** The bare name of a relation of schema "public"; 0A000 for TEMP, 3F000 for another schema. */
export function relationName(range: RangeVar | undefined): string {
  if (range?.relpersistence === "t") throw notSupported("TEMPORARY relation");
  return nameInPublic([range?.schemaname, range?.relname ?? ""]);
}

/** The last of `names`; those before it must say "public". */
export function nameInPublic(names: readonly (string | undefined)[]): string {
  const schema = names.at(-2);
  if (schema === "pg_catalog" || schema === "information_schema") {
    throw new SqlError("42501", `permission denied for schema ${schema}`);
  }
  if (schema !== undefined && schema !== "public") {
    throw new SqlError("3F000", `schema "${schema}" does not exist`);
  }
  return names.at(-1) ?? "";
}
