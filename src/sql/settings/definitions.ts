/**
 * The run-time parameters (SET, SHOW) that Synod knows: PostgreSQL's that clients set or ask for,
 * and its own under "synod.". What a parameter would change in PostgreSQL and does not change here
 * is accepted only in its default meaning, or where ignoring it cannot change a result.
 */
import { SERVER_VERSION, SERVER_VERSION_NUMBER } from "../../base/version.ts";
import { SqlError } from "../errors.ts";

export interface SettingDefinition {
  /** As SHOW and ParameterStatus spell it. */
  readonly name: string;
  readonly initial: string;
  /** Sent to the client at the start and whenever it changes (ParameterStatus). */
  readonly reported: boolean;
  readonly readOnly: boolean;
  /** Returns the value in its usual spelling; throws SqlError 22023 for one that it cannot take. */
  readonly parse: (value: string) => string;
}

const asGiven = (value: string): string => value;

function oneOf(name: string, values: readonly string[]): (value: string) => string {
  return (value) => {
    const found = values.find((known) => known.toLowerCase() === value.toLowerCase());
    if (found !== undefined) return found;
    throw new SqlError("22023", `invalid value for parameter "${name}": "${value}"`, {
      hint: `Available values: ${values.join(", ")}.`,
    });
  };
}

const TRUE_WORDS = /^(t|tr|tru|true|y|ye|yes|on|1)$/i;
const FALSE_WORDS = /^(f|fa|fal|fals|false|n|no|of|off|0)$/i;

function boolean(name: string): (value: string) => string {
  return (value) => {
    if (TRUE_WORDS.test(value)) return "on";
    if (FALSE_WORDS.test(value)) return "off";
    throw new SqlError("22023", `parameter "${name}" requires a Boolean value`);
  };
}

/** Takes only the value that Synod has anyway; anything else would silently mean something else. */
function fixed(name: string, ...accepted: readonly string[]): (value: string) => string {
  return (value) => {
    if (accepted.some((known) => known.toLowerCase() === value.toLowerCase())) {
      return accepted[0] ?? value;
    }
    throw new SqlError("0A000", `${name} can only be ${accepted[0] ?? "its default"} in Synod`);
  };
}

const MILLISECONDS_BY_UNIT: Readonly<Record<string, number>> = {
  "": 1,
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration as PostgreSQL takes it ("5s", "100", "2min"), in milliseconds; null if it is none. */
export function parseMilliseconds(value: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(value);
  const unit = MILLISECONDS_BY_UNIT[match?.[2] ?? ""];
  return match?.[1] === undefined || unit === undefined ? null : Number(match[1]) * unit;
}

/** In the largest unit that needs no fraction, as PostgreSQL shows it. */
function durationText(milliseconds: number): string {
  const units = Object.entries(MILLISECONDS_BY_UNIT).toReversed();
  const fitting = units.find(([unit, size]) => unit !== "" && milliseconds % size === 0);
  const [unit = "ms", size = 1] = fitting ?? [];
  return `${milliseconds / size}${unit}`;
}

function duration(name: string): (value: string) => string {
  return (value) => {
    const milliseconds = parseMilliseconds(value);
    if (milliseconds === null) {
      throw new SqlError("22023", `invalid value for parameter "${name}": "${value}"`, {
        hint: 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
      });
    }
    return milliseconds === 0 ? "0" : durationText(Math.round(milliseconds));
  };
}

function integer(name: string, min: number, max: number): (value: string) => string {
  return (value) => {
    const number = Number(value);
    if (/^\s*-?\d+\s*$/.test(value) && number >= min && number <= max) return String(number);
    throw new SqlError("22023", `${value} is not an integer from ${min} to ${max} for "${name}"`);
  };
}

function timeZone(value: string): string {
  if (/^[+-]?\d{1,2}(:\d{2})?$/.test(value)) return value;
  if (/^(utc|gmt|zulu|z|default|local)$/i.test(value)) return "UTC";
  try {
    return new Intl.DateTimeFormat("en", { timeZone: value }).resolvedOptions().timeZone;
  } catch {
    throw new SqlError("22023", `invalid value for parameter "TimeZone": "${value}"`);
  }
}

function utf8(value: string): string {
  if (/^(utf-?8|unicode|auto)$/i.test(value.replace(/['"]/g, ""))) return "UTF8";
  throw new SqlError("0A000", `client_encoding ${value} is not supported: use UTF8`);
}

type Kind = Partial<Pick<SettingDefinition, "reported" | "readOnly">>;

function define(
  name: string,
  initial: string,
  parse: (value: string) => string = asGiven,
  kind: Kind = {},
): SettingDefinition {
  return { name, initial, parse, reported: false, readOnly: false, ...kind };
}

const REPORTED: Kind = { reported: true };
const REPORTED_CONSTANT: Kind = { reported: true, readOnly: true };
const CONSTANT: Kind = { readOnly: true };

const definitions: readonly SettingDefinition[] = [
  define("application_name", "", asGiven, REPORTED),
  define("bytea_output", "hex", oneOf("bytea_output", ["hex", "escape"])),
  define("check_function_bodies", "on", boolean("check_function_bodies")),
  define("client_encoding", "UTF8", utf8, REPORTED),
  define("client_min_messages", "notice"),
  define("DateStyle", "ISO, MDY", fixed("DateStyle", "ISO, MDY", "ISO", "ISO,MDY"), REPORTED),
  define("default_table_access_method", "heap", fixed("default_table_access_method", "heap")),
  define("default_tablespace", "", asGiven),
  define("default_text_search_config", "pg_catalog.simple"),
  define("default_transaction_deferrable", "off", boolean("default_transaction_deferrable")),
  define("default_transaction_isolation", "serializable", isolation),
  define(
    "default_transaction_read_only",
    "off",
    boolean("default_transaction_read_only"),
    REPORTED,
  ),
  define("extra_float_digits", "1", integer("extra_float_digits", -15, 3)),
  define(
    "idle_in_transaction_session_timeout",
    "0",
    duration("idle_in_transaction_session_timeout"),
  ),
  define("idle_session_timeout", "0", duration("idle_session_timeout")),
  define("in_hot_standby", "off", asGiven, REPORTED_CONSTANT),
  define("integer_datetimes", "on", asGiven, REPORTED_CONSTANT),
  define("IntervalStyle", "postgres", fixed("IntervalStyle", "postgres"), REPORTED),
  define("is_superuser", "on", asGiven, REPORTED_CONSTANT),
  define("jit", "off", boolean("jit")),
  define("lock_timeout", "0", duration("lock_timeout")),
  define("max_identifier_length", "63", asGiven, CONSTANT),
  define("row_security", "on", boolean("row_security")),
  define("search_path", '"$user", public', asGiven),
  define("server_encoding", "UTF8", asGiven, REPORTED_CONSTANT),
  define("server_version", SERVER_VERSION, asGiven, REPORTED_CONSTANT),
  define("server_version_num", SERVER_VERSION_NUMBER, asGiven, CONSTANT),
  define("session_authorization", "synod", asGiven, REPORTED_CONSTANT),
  define(
    "standard_conforming_strings",
    "on",
    fixed("standard_conforming_strings", "on", "true", "1", "yes"),
    REPORTED,
  ),
  define("statement_timeout", "0", duration("statement_timeout")),
  define("synchronize_seqscans", "on", boolean("synchronize_seqscans")),
  define("synchronous_commit", "on", fixed("synchronous_commit", "on", "remote_apply")),
  define("synod.max_staleness", "0", duration("synod.max_staleness")),
  define(
    "synod.read_consistency",
    "linearizable",
    oneOf("synod.read_consistency", ["linearizable", "stale"]),
  ),
  define("TimeZone", "UTC", timeZone, REPORTED),
  define("transaction_deferrable", "off", boolean("transaction_deferrable")),
  define("transaction_isolation", "serializable", isolation),
  define("transaction_read_only", "off", boolean("transaction_read_only")),
  define("transaction_timeout", "0", duration("transaction_timeout")),
  define("xmloption", "content", oneOf("xmloption", ["content", "document"])),
];

/** Every level is accepted, and shown as it was asked for: all run as serializable, which keeps the promises of each. */
function isolation(value: string): string {
  const levels = ["serializable", "repeatable read", "read committed", "read uncommitted"];
  return oneOf("transaction_isolation", levels)(value);
}

/** By lower-case name. */
export const settingDefinitions: ReadonlyMap<string, SettingDefinition> = new Map(
  definitions.map((definition) => [definition.name.toLowerCase(), definition]),
);
