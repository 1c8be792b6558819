/** Aggregates and window functions: PostgreSQL's declarations and what computes them in SQLite. */
import { byName, native, type Signature } from "./signature.ts";

export interface AggregateSignature extends Signature {
  readonly sqlite: string;
  /** Around the last argument, $1; $2 is the OID of its type. Empty: as it is. */
  readonly argument: string;
  /** Around the whole call, $1. */
  readonly wrap: string;
  /** The first argument is followed by its sort key. */
  readonly keyed: boolean;
  /** DISTINCT changes nothing (min, max, bool_and …). */
  readonly ignoresDistinct: boolean;
}

interface Options {
  readonly argument?: string;
  readonly wrap?: string;
  readonly keyed?: boolean;
  readonly ignoresDistinct?: boolean;
}

function aggregate(declarations: string, sqlite: string, options: Options = {}) {
  return native(declarations, "").signatures.map(
    (signature): AggregateSignature => ({
      ...signature,
      sqlite,
      argument: options.argument ?? "",
      wrap: options.wrap ?? "$1",
      keyed: options.keyed ?? false,
      ignoresDistinct: options.ignoresDistinct ?? false,
    }),
  );
}

const PLAIN_ORDER = "int2 int4 int8 oid float4 float8 text date time timestamp timestamptz";

const KEYED_ORDER = "numeric interval timetz bpchar";

const extremes = ["min", "max"].flatMap((name) => [
  ...PLAIN_ORDER.split(" ").flatMap((type) =>
    aggregate(`${name}(${type}) ${type}`, name, { ignoresDistinct: true }),
  ),
  ...KEYED_ORDER.split(" ").flatMap((type) =>
    aggregate(`${name}(${type}) ${type}`, `${name}_by`, { keyed: true, ignoresDistinct: true }),
  ),
  ...aggregate(`${name}(anyarray) anyarray`, `${name}_by`, { keyed: true, ignoresDistinct: true }),
]);

const variances = [
  "stddev",
  "stddev_samp",
  "stddev_pop",
  "variance",
  "var_samp",
  "var_pop",
].flatMap((name) => [
  ...aggregate(
    `${name}(int2) numeric; ${name}(int4) numeric; ${name}(int8) numeric; ${name}(numeric) numeric`,
    `pg_${name}`,
  ),
  ...aggregate(`${name}(float4) float8; ${name}(float8) float8`, `pg_${name}_float8`),
]);

const AGGREGATES: readonly AggregateSignature[] = [
  ...aggregate("count() int8; count(any) int8", "count"),
  ...aggregate("sum(int2) int8; sum(int4) int8", "sum"),
  ...aggregate("sum(int8) numeric; sum(numeric) numeric", "pg_sum"),
  ...aggregate("sum(float4) float4", "sum", { wrap: "float4($1)" }),
  ...aggregate("sum(float8) float8", "sum"),
  ...aggregate("sum(interval) interval", "pg_sum_interval"),
  ...aggregate("avg(int2) numeric; avg(int4) numeric; avg(int8) numeric", "pg_avg"),
  ...aggregate("avg(numeric) numeric", "pg_avg"),
  ...aggregate("avg(float4) float8; avg(float8) float8", "avg"),
  ...aggregate("avg(interval) interval", "pg_avg_interval"),
  ...extremes,
  ...variances,
  ...aggregate("bool_and(bool) bool; every(bool) bool", "min", { ignoresDistinct: true }),
  ...aggregate("bool_or(bool) bool", "max", { ignoresDistinct: true }),
  ...aggregate("string_agg(text, text) text", "pg_string_agg"),
  ...aggregate("array_agg(anyelement) anyarray", "json_group_array", {
    wrap: "nullif($1, '[]')",
  }),
  ...aggregate("json_agg(any) json", "pg_json_agg", { argument: "json_value($1, $2)" }),
  ...aggregate("jsonb_agg(any) jsonb", "pg_jsonb_agg", { argument: "json_value($1, $2)" }),
  ...aggregate("json_object_agg(text, any) json", "pg_json_object_agg", {
    argument: "json_value($1, $2)",
  }),
  ...aggregate("jsonb_object_agg(text, any) jsonb", "pg_jsonb_object_agg", {
    argument: "json_value($1, $2)",
  }),
  ...["int2", "int4", "int8"].flatMap((type) => [
    ...aggregate(`bit_and(${type}) ${type}`, "pg_bit_and"),
    ...aggregate(`bit_or(${type}) ${type}`, "pg_bit_or"),
  ]),
];

const WINDOW_FUNCTIONS: readonly Signature[] = [
  native("row_number() int8", "row_number()"),
  native("rank() int8", "rank()"),
  native("dense_rank() int8", "dense_rank()"),
  native("percent_rank() float8", "percent_rank()"),
  native("cume_dist() float8", "cume_dist()"),
  native("ntile(int4) int4", "ntile($1)"),
  native("lag(anyelement) anyelement; lag(anyelement, int4) anyelement", "lag($*)"),
  native("lag(anycompatible, int4, anycompatible) anycompatible", "lag($*)"),
  native("lead(anyelement) anyelement; lead(anyelement, int4) anyelement", "lead($*)"),
  native("lead(anycompatible, int4, anycompatible) anycompatible", "lead($*)"),
  native("first_value(anyelement) anyelement", "first_value($1)"),
  native("last_value(anyelement) anyelement", "last_value($1)"),
  native("nth_value(anyelement, int4) anyelement", "nth_value($*)"),
].flatMap((entry) => entry.signatures);

const BY_NAME = byName(AGGREGATES);
const WINDOWS_BY_NAME = byName(WINDOW_FUNCTIONS);

export function aggregateSignatures(name: string): readonly AggregateSignature[] {
  return BY_NAME.get(name) ?? [];
}

export function windowSignatures(name: string): readonly Signature[] {
  return WINDOWS_BY_NAME.get(name) ?? [];
}

export function isWindowFunction(name: string): boolean {
  return WINDOWS_BY_NAME.has(name);
}
