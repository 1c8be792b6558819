/**
 * SQLite's own functions that would answer from this machine (its clock, its randomness, its time
 * zone, what ran before on this connection), replaced by ones that answer from the log entry. They
 * take effect everywhere SQL runs: in defaults, triggers and views as well.
 *
 * The calendar functions are SQLite's own, asked on a connection to nothing, after every way to say
 * "now" was replaced: no time value at all, 'now', and 'subsec' or 'subsecond' in its place. SQLite
 * compares these as C strings and takes blobs as text, so a blob and what follows a NUL are looked
 * at as SQLite would. 'localtime' and 'utc' depend on the machine's time zone and are refused.
 */
import { notSupported } from "../sql/errors.ts";
import type { FunctionContext, ScalarFunction } from "../sql/functions/function.ts";
import type { SqliteValue } from "../sql/values.ts";
import { type Connection, openScratch, type Statement } from "./connection.ts";

const BLOB_BYTES_MAX = 16n * 1024n * 1024n;

/** Registered on every connection, before the functions of src/sql/functions. */
export const deterministicFunctions: readonly ScalarFunction[] = [
  own("random", 0, (context) => BigInt.asIntN(64, random64(context))),
  own("randomblob", 1, (context, [length]) => randomBytes(context, length ?? null)),
  own("current_timestamp", 0, (context) => nowText(context).slice(0, 19)),
  own("current_date", 0, (context) => nowText(context).slice(0, 10)),
  own("current_time", 0, (context) => nowText(context).slice(11, 19)),
  calendar("date", 0),
  calendar("time", 0),
  calendar("datetime", 0),
  calendar("julianday", 0),
  calendar("unixepoch", 0),
  calendar("strftime", 1),
  own("timediff", 2, (context, args) =>
    askBuiltIn("timediff", [
      ...timeValue(context, args[0] ?? null),
      ...timeValue(context, args[1] ?? null),
    ]),
  ),
  ...["changes", "total_changes", "last_insert_rowid", "sqlite_version", "sqlite_source_id"].map(
    (name) => refuse(name, 0),
  ),
  ...["sqlite_compileoption_get", "sqlite_compileoption_used", "load_extension"].map((name) =>
    refuse(name, 1),
  ),
  refuse("load_extension", 2),
  refuse("sqlite_log", 2),
  refuse("fts3_tokenizer", 1),
  refuse("fts3_tokenizer", 2),
];

function own(
  name: string,
  arity: number | null,
  call: (context: FunctionContext, args: readonly SqliteValue[]) => SqliteValue,
): ScalarFunction {
  return { name, arity, deterministic: false, call };
}

function refuse(name: string, arity: number): ScalarFunction {
  return own(name, arity, () => {
    throw notSupported(`${name}()`);
  });
}

function random64(context: FunctionContext): bigint {
  return (BigInt(context.randomU32()) << 32n) | BigInt(context.randomU32());
}

function randomBytes(context: FunctionContext, length: SqliteValue): Uint8Array {
  const wanted = typeof length === "bigint" ? length : BigInt(Math.trunc(Number(length) || 0));
  if (wanted > BLOB_BYTES_MAX) throw notSupported(`randomblob() above ${BLOB_BYTES_MAX} bytes`);
  const bytes = new Uint8Array(wanted < 1n ? 1 : Number(wanted));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = context.randomU32() & 0xff;
  return bytes;
}

/** YYYY-MM-DD HH:MM:SS.SSS of the entry: SQLite's clock has milliseconds. */
function nowText(context: FunctionContext): string {
  const iso = new Date(Math.floor(context.timestampMicros / 1000)).toISOString();
  return iso.replace("T", " ").replace("Z", "");
}

/** A built-in whose time value stands at `at`, followed by modifiers. */
function calendar(name: string, at: number): ScalarFunction {
  return own(name, null, (context, args) => {
    if (args.length < at) return askBuiltIn(name, args);
    const modifiers = args.slice(at + 1).map(checkModifier);
    const value = args.length === at ? "now" : (args[at] ?? null);
    const asked = [...args.slice(0, at), ...timeValue(context, value), ...modifiers];
    return askBuiltIn(name, asked);
  });
}

/** The value with "now" spelt out; two values where 'subsec' stood for now and is a modifier too. */
function timeValue(context: FunctionContext, value: SqliteValue): readonly SqliteValue[] {
  const text = asCString(value);
  if (text === null) return [value];
  switch (text.toLowerCase()) {
    case "now":
      return [nowText(context)];
    case "subsec":
    case "subsecond":
      return [nowText(context), "subsec"];
    default:
      return [text];
  }
}

function checkModifier(value: SqliteValue): SqliteValue {
  const text = asCString(value);
  if (text === null) return value;
  const word = text.trim().toLowerCase();
  if (word === "localtime" || word === "utc") throw notSupported(`the modifier '${word}'`);
  return text;
}

/** Text as SQLite's C code sees it: a blob's bytes are text, and a NUL ends it. Null for other types. */
function asCString(value: SqliteValue): string | null {
  if (typeof value !== "string" && !(value instanceof Uint8Array)) return null;
  const text = typeof value === "string" ? value : Buffer.from(value).toString("utf8");
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

let scratch: Connection | null = null;
const questions = new Map<string, Statement>();

/** Asks SQLite's own function; one connection a thread serves all. */
function askBuiltIn(name: string, args: readonly SqliteValue[]): SqliteValue {
  const key = `${name}/${args.length}`;
  let question = questions.get(key);
  if (question === undefined) {
    scratch ??= openScratch();
    const marks = args.map(() => "?").join(", ");
    question = scratch.prepare<unknown[]>(`SELECT ${name}(${marks})`).pluck(true);
    questions.set(key, question);
  }
  return question.get(args) as SqliteValue;
}
