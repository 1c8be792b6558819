/** Functions in FROM. Each gives its columns as c1, c2 … and then "ordinality", counted from 1. */
import { SqlError } from "../errors.ts";
import { decodeArray } from "../types/array-storage.ts";
import { formatMoment, readMoment } from "../types/datetime/calendar.ts";
import { parseInterval } from "../types/datetime/interval-input.ts";
import { formatJsonb, type Json, parseJson } from "../types/json-text.ts";
import { OID } from "../types/oids.ts";
import type { SqliteValue } from "../values.ts";
import { addInterval } from "./date-time.ts";
import type { TableFunction } from "./function.ts";
import { jsonToText } from "./json.ts";
import { add, compare, parse, print } from "./numeric.ts";
import { splitByPattern } from "./pattern-functions.ts";
import { native, type Signature } from "./signature.ts";

/** A column named "" takes the function's name, and type 0 the signature's result type. */
export interface TableSignature extends Signature {
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
}

function* integerSeries(start: bigint, stop: bigint, step: bigint): Generator<SqliteValue> {
  assertStep(step === 0n);
  for (let at = start; step > 0n ? at <= stop : at >= stop; at += step) {
    yield at;
  }
}

function assertStep(isZero: boolean): void {
  if (isZero) throw new SqlError("22023", "step size cannot equal zero");
}

function* numericSeries(start: string, stop: string, step: string): Generator<SqliteValue> {
  const [last, by] = [parse(stop), parse(step)];
  const direction = compare(by, parse("0"));
  assertStep(direction === 0);
  for (let at = parse(start); compare(at, last) * direction <= 0; at = add(at, by)) {
    yield print(at);
  }
}

function* timestampSeries(start: string, stop: string, step: string): Generator<SqliteValue> {
  const interval = parseInterval(step);
  const after = addInterval(readMoment(start), interval);
  const ascending = formatMoment(after) > start;
  assertStep(formatMoment(after) === start);
  for (let at = start; ascending ? at <= stop : at >= stop; ) {
    yield at;
    at = formatMoment(addInterval(readMoment(at), interval));
  }
}

function* elements(array: string): Generator<SqliteValue> {
  const flat = (items: readonly unknown[]): readonly unknown[] =>
    items.flatMap((item) => (Array.isArray(item) ? flat(item) : [item]));
  for (const item of flat(decodeArray(array))) {
    yield item as SqliteValue;
  }
}

function* subscripts(array: string, dimension: bigint): Generator<SqliteValue> {
  let level: readonly unknown[] = decodeArray(array);
  for (let depth = 1n; depth < dimension; depth += 1n) {
    const [first] = level;
    if (!Array.isArray(first)) return;
    level = first;
  }
  for (let at = 1; at <= level.length; at += 1) yield BigInt(at);
}

function jsonArray(text: string): readonly Json[] {
  const json = parseJson(text);
  if (json.kind !== "array") {
    const what = json.kind === "object" ? "an object" : "a scalar";
    throw new SqlError("22023", `cannot extract elements from ${what}`);
  }
  return json.items;
}

type Rows = (...args: never[]) => Iterable<SqliteValue | readonly SqliteValue[]>;

interface Definition {
  readonly declarations: string;
  readonly sqlite: string;
  readonly parameters: number;
  /** Names with types; absent: one column of the function's name and result type. */
  readonly columns?: TableSignature["columns"];
  readonly rows: Rows;
}

const KEY_JSON = (typeOid: number) => [
  { name: "key", typeOid: OID.text },
  { name: "value", typeOid },
];

const DEFINITIONS: readonly Definition[] = [
  {
    declarations:
      "generate_series(int4, int4) int4; generate_series(int8, int8) int8; " +
      "generate_series(int4, int4, int4) int4; generate_series(int8, int8, int8) int8",
    sqlite: "integer_series",
    parameters: 3,
    rows: (start: bigint, stop: bigint, step: bigint) => integerSeries(start, stop, step),
  },
  {
    declarations:
      "generate_series(numeric, numeric) numeric; generate_series(numeric, numeric, numeric) numeric",
    sqlite: "numeric_series",
    parameters: 3,
    rows: (start: string, stop: string, step: string) => numericSeries(start, stop, step),
  },
  {
    declarations:
      "generate_series(timestamp, timestamp, interval) timestamp; " +
      "generate_series(timestamptz, timestamptz, interval) timestamptz",
    sqlite: "timestamp_series",
    parameters: 3,
    rows: timestampSeries,
  },
  {
    declarations: "unnest(anyarray) anyelement",
    sqlite: "pg_unnest",
    parameters: 1,
    rows: elements,
  },
  {
    declarations: "generate_subscripts(anyarray, int4) int4",
    sqlite: "pg_generate_subscripts",
    parameters: 2,
    rows: subscripts,
  },
  {
    declarations: "json_array_elements(json) json; jsonb_array_elements(jsonb) jsonb",
    sqlite: "pg_json_array_elements",
    parameters: 1,
    columns: [{ name: "value", typeOid: 0 }],
    rows: (text: string) => jsonArray(text).map(formatJsonb),
  },
  {
    declarations: "json_array_elements_text(json) text; jsonb_array_elements_text(jsonb) text",
    sqlite: "pg_json_array_elements_text",
    parameters: 1,
    columns: [{ name: "value", typeOid: OID.text }],
    rows: (text: string) => jsonArray(text).map(jsonToText),
  },
  {
    declarations: "jsonb_each(jsonb) record",
    sqlite: "pg_json_each",
    parameters: 1,
    columns: KEY_JSON(OID.jsonb),
    rows: (text: string) => members(text).map(([key, value]) => [key, formatJsonb(value)]),
  },
  {
    declarations: "json_each(json) record",
    sqlite: "pg_json_each",
    parameters: 1,
    columns: KEY_JSON(OID.json),
    rows: (text: string) => members(text).map(([key, value]) => [key, formatJsonb(value)]),
  },
  {
    declarations: "json_each_text(json) record; jsonb_each_text(jsonb) record",
    sqlite: "pg_json_each_text",
    parameters: 1,
    columns: KEY_JSON(OID.text),
    rows: (text: string) => members(text).map(([key, value]) => [key, jsonToText(value)]),
  },
  {
    declarations: "json_object_keys(json) text; jsonb_object_keys(jsonb) text",
    sqlite: "pg_json_object_keys",
    parameters: 1,
    rows: (text: string) => members(text).map(([key]) => key),
  },
  {
    declarations: "pg_partition_ancestors(regclass) regclass",
    sqlite: "pg_partition_ancestors",
    parameters: 1,
    columns: [{ name: "relid", typeOid: OID.regclass }],
    rows: () => [],
  },
  {
    declarations:
      "regexp_split_to_table(text, text) text; regexp_split_to_table(text, text, text) text",
    sqlite: "pg_split_to_table",
    parameters: 3,
    rows: (text: string, pattern: string, flags: string) => splitByPattern(text, pattern, flags),
  },
  {
    declarations: "string_to_table(text, text) text",
    sqlite: "pg_string_to_table",
    parameters: 2,
    rows: (text: string, separator: string) => (separator === "" ? [text] : text.split(separator)),
  },
];

function members(text: string): readonly (readonly [string, Json])[] {
  const json = parseJson(text);
  if (json.kind !== "object") {
    const what = json.kind === "array" ? "an array" : "a scalar";
    throw new SqlError("22023", `cannot deconstruct ${what}`);
  }
  return [...json.members];
}

export const TABLE_SIGNATURES: readonly TableSignature[] = DEFINITIONS.flatMap(signatures);

function signatures({ declarations, sqlite, parameters, columns }: Definition): TableSignature[] {
  return native(declarations, "").signatures.map((signature) => {
    const given = signature.args.map((_arg, index) => `$${index + 1}`);
    const missing = parameters - given.length;
    const defaults = Array.from({ length: missing }, () => defaultArgument(sqlite));
    return {
      ...signature,
      template: `${sqlite}(${[...given, ...defaults].join(", ")})`,
      columns: columns ?? [{ name: "", typeOid: 0 }],
    };
  });
}

function defaultArgument(sqlite: string): string {
  if (sqlite === "integer_series") return "1";
  return sqlite === "numeric_series" ? "'1'" : "''";
}

export const rowFunctions: readonly TableFunction[] = [...registered().values()];

function registered(): ReadonlyMap<string, TableFunction> {
  const found = new Map<string, TableFunction>();
  for (const { sqlite, parameters, columns, rows } of DEFINITIONS) {
    const width = columns?.length ?? 1;
    found.set(sqlite, {
      name: sqlite,
      parameters: Array.from({ length: parameters }, (_, index) => `a${index + 1}`),
      columns: [...Array.from({ length: width }, (_, index) => `c${index + 1}`), "ordinality"],
      rows: (_context, args) => numbered(rows, args),
    });
  }
  return found;
}

function* numbered(rows: Rows, args: readonly SqliteValue[]): Generator<readonly SqliteValue[]> {
  if (args.includes(null)) return;
  const run = rows as (
    ...values: readonly SqliteValue[]
  ) => Iterable<SqliteValue | readonly SqliteValue[]>;
  let number = 0n;
  for (const row of run(...args)) {
    number += 1n;
    yield [...(isRow(row) ? row : [row]), number];
  }
}

function isRow(row: SqliteValue | readonly SqliteValue[]): row is readonly SqliteValue[] {
  return Array.isArray(row);
}
