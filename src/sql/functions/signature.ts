/**
 * PostgreSQL functions and operators as declarations: "name(type, type) result", several joined by
 * "; " where one implementation serves them. A type may be an array ("text[]"), a polymorphic name
 * ("anyelement"), and the last one may be "variadic".
 */
import { ARRAY_OID, OID } from "../types/oids.ts";
import type { SqliteValue } from "../values.ts";
import type { FunctionContext, ScalarFunction } from "./function.ts";

/** OIDs of the pseudo-types that stand for others in signatures. */
export const PSEUDO = {
  any: 2276,
  anyarray: 2277,
  anyelement: 2283,
  anycompatible: 5077,
  anycompatiblearray: 5078,
} as const;

export interface Signature {
  readonly name: string;
  readonly args: readonly number[];
  /** The last argument's type may repeat. */
  readonly variadic: boolean;
  readonly result: number;
  /** SQLite text with $1, $2 … for the arguments, or $* for all of them. */
  readonly template: string;
  /** Its answer depends on more than its arguments. */
  readonly volatile: boolean;
}

export interface LibraryEntry {
  readonly signatures: readonly Signature[];
  readonly scalar: ScalarFunction | null;
}

/** A function that SQLite's own SQL expresses. */
export function native(declarations: string, template: string): LibraryEntry {
  return { signatures: parse(declarations, template, false), scalar: null };
}

type Implementation = (...args: never[]) => SqliteValue;

/** A function of its arguments alone, NULL when one of them is. `as` names it in SQLite. */
export function strict(declarations: string, call: Implementation, as?: string): LibraryEntry {
  const [signature, name] = [parse(declarations, "", false), as ?? sqliteName(declarations)];
  const run = call as (...args: readonly SqliteValue[]) => SqliteValue;
  return entry(signature, {
    name,
    arity: arityOf(signature),
    deterministic: true,
    call: (_context, args) => (args.includes(null) ? null : run(...args)),
  });
}

/** A function of its arguments alone that answers for NULLs itself. */
export function lenient(declarations: string, call: Implementation, as?: string): LibraryEntry {
  const [signature, name] = [parse(declarations, "", false), as ?? sqliteName(declarations)];
  const run = call as (...args: readonly SqliteValue[]) => SqliteValue;
  return entry(signature, {
    name,
    arity: arityOf(signature),
    deterministic: true,
    call: (_context, args) => run(...args),
  });
}

/** A function that asks the statement's context: its time, its randomness, the catalog. */
export function contextual(
  declarations: string,
  call: (context: FunctionContext, args: readonly SqliteValue[]) => SqliteValue,
  as?: string,
): LibraryEntry {
  const [signature, name] = [parse(declarations, "", true), as ?? sqliteName(declarations)];
  return entry(signature, { name, arity: arityOf(signature), deterministic: false, call });
}

/** A function that only translated SQL calls; clients do not see it. */
export function internal(
  name: string,
  arity: number | null,
  call: (...args: never[]) => SqliteValue,
): LibraryEntry {
  const run = call as (...args: readonly SqliteValue[]) => SqliteValue;
  const scalar: ScalarFunction = {
    name,
    arity,
    deterministic: true,
    call: (_context, args) => (args.includes(null) ? null : run(...args)),
  };
  return { signatures: [], scalar };
}

/** Like `internal`, with the statement's context. */
export function internalContextual(
  name: string,
  arity: number,
  call: (context: FunctionContext, args: readonly SqliteValue[]) => SqliteValue,
): LibraryEntry {
  return { signatures: [], scalar: { name, arity, deterministic: false, call } };
}

function entry(signatures: readonly Signature[], scalar: ScalarFunction): LibraryEntry {
  const template = `${scalar.name}($*)`;
  return { signatures: signatures.map((signature) => ({ ...signature, template })), scalar };
}

function sqliteName(declarations: string): string {
  return `pg_${declarations.slice(0, declarations.indexOf("("))}`;
}

/** The number of arguments that all declarations share; null where they differ or repeat. */
function arityOf(signatures: readonly Signature[]): number | null {
  const [first, ...rest] = signatures;
  if (first === undefined || signatures.some((signature) => signature.variadic)) {
    return null;
  }
  return rest.every(({ args }) => args.length === first.args.length) ? first.args.length : null;
}

function parse(declarations: string, template: string, volatile: boolean): readonly Signature[] {
  return declarations.split("; ").map((declaration) => {
    const match = /^([^(]+)\(([^)]*)\) (\S+)$/.exec(declaration);
    if (match === null) {
      throw new Error(`malformed declaration: ${declaration}`);
    }
    const [, name = "", list = "", result = ""] = match;
    const words = list === "" ? [] : list.split(", ");
    const variadic = words.at(-1)?.startsWith("variadic ") === true;
    const args = words.map((word) => oidOf(word.replace("variadic ", "")));
    return { name, args, variadic, result: oidOf(result), template, volatile };
  });
}

function oidOf(name: string): number {
  const plain = name.replace("[]", "");
  const known: Readonly<Record<string, number>> = name.endsWith("[]")
    ? ARRAY_OID
    : { ...OID, ...PSEUDO };
  const oid = known[plain];
  if (oid === undefined) {
    throw new Error(`unknown type in a declaration: ${name}`);
  }
  return oid;
}

/** All overloads of each name. */
export function byName<T extends { readonly name: string }>(
  items: Iterable<T>,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.name);
    if (group === undefined) groups.set(item.name, [item]);
    else group.push(item);
  }
  return groups;
}
