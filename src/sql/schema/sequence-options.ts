import type { DefElem, Node } from "libpg-query";
import { listItems, stringsOf } from "../analyze/nodes.ts";
import type { Sequence } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { columnType } from "./column-type.ts";

/** What the options of CREATE and ALTER SEQUENCE, or of an identity column, ask for. */
export interface SequenceOptions {
  readonly typeOid?: number;
  readonly start?: bigint;
  readonly increment?: bigint;
  /** Null: NO MINVALUE. */
  readonly minimum?: bigint | null;
  readonly maximum?: bigint | null;
  readonly cycle?: boolean;
  /** RESTART: null without a value. */
  readonly restart?: bigint | null;
  /** Null: OWNED BY NONE. */
  readonly ownedBy?: readonly string[] | null;
  readonly name?: string;
}

/** 42601 for an option given twice. */
export function sequenceOptions(nodes: readonly Node[] | undefined): SequenceOptions {
  const options: Record<string, unknown> = {};
  for (const node of nodes ?? []) {
    if (!("DefElem" in node)) continue;
    const [name, value] = sequenceOption(node.DefElem);
    if (name === null) continue;
    if (name in options) throw new SqlError("42601", "conflicting or redundant options");
    options[name] = value;
  }
  return options;
}

type Read = (arg: Node | undefined) => unknown;

/** Options by the grammar's name: the field that each fills, and how. */
const OPTIONS: Readonly<Record<string, readonly [keyof SequenceOptions, Read]>> = {
  as: ["typeOid", sequenceType],
  start: ["start", wholeNumber],
  increment: ["increment", wholeNumber],
  minvalue: ["minimum", numberOrNull],
  maxvalue: ["maximum", numberOrNull],
  cycle: ["cycle", isTrue],
  restart: ["restart", numberOrNull],
  owned_by: ["ownedBy", ownerPath],
  sequence_name: ["name", (arg) => stringsOf(listItems(arg)).at(-1)],
};

function sequenceOption(element: DefElem): readonly [keyof SequenceOptions | null, unknown] {
  const name = element.defname ?? "";
  // Values are reserved in blocks by the cluster itself, so the client's wish has no effect.
  if (name === "cache") return [null, null];
  const option = OPTIONS[name];
  if (option === undefined) throw notSupported(`sequence option ${name}`);
  return [option[0], option[1](element.arg)];
}

function numberOrNull(arg: Node | undefined): bigint | null {
  return arg === undefined ? null : wholeNumber(arg);
}

function isTrue(arg: Node | undefined): boolean {
  return arg !== undefined && "Boolean" in arg && arg.Boolean.boolval === true;
}

function ownerPath(arg: Node | undefined): readonly string[] | null {
  const names = stringsOf(listItems(arg));
  return names.length === 1 && names[0] === "none" ? null : names;
}

function sequenceType(arg: Node | undefined): number {
  const type = arg !== undefined && "TypeName" in arg ? arg.TypeName : undefined;
  const { typeOid } = columnType(type, "");
  if (typeOid !== OID.int2 && typeOid !== OID.int4 && typeOid !== OID.int8) {
    throw new SqlError("22023", "sequence type must be smallint, integer, or bigint");
  }
  return typeOid;
}

function wholeNumber(arg: Node | undefined): bigint {
  if (arg !== undefined && "Integer" in arg) return BigInt(arg.Integer.ival ?? 0);
  const text = arg !== undefined && "Float" in arg ? (arg.Float.fval ?? "") : "";
  if (!/^-?\d+$/.test(text)) {
    throw new SqlError("22P02", `invalid input syntax for type bigint: "${text}"`);
  }
  const value = BigInt(text);
  if (value !== BigInt.asIntN(64, value)) {
    throw new SqlError("22003", `value "${text}" is out of range for type bigint`);
  }
  return value;
}

export type SequenceNumbers = Pick<
  Sequence,
  "typeOid" | "start" | "increment" | "minimum" | "maximum" | "cycle"
>;

const TYPE_BITS: Readonly<Record<number, number>> = { [OID.int2]: 16, [OID.int4]: 32 };

/** Fills in what `options` leaves open, from `old` or PostgreSQL's defaults; 22023 for nonsense. */
export function sequenceNumbers(
  options: SequenceOptions,
  old: SequenceNumbers | null,
): SequenceNumbers {
  const { typeOid, increment, cycle } = { ...STANDARD, ...said(old ?? {}), ...said(options) };
  if (increment === 0n) throw new SqlError("22023", "INCREMENT must not be zero");
  const kept = typeOid === old?.typeOid ? old : null;
  const [minimum, maximum] = boundsOf(options, { typeOid, increment, kept });
  const start = options.start ?? old?.start ?? (increment > 0n ? minimum : maximum);
  assertStart(start, minimum, maximum);
  return { typeOid, increment, minimum, maximum, start, cycle };
}

const STANDARD = { typeOid: OID.int8 as number, increment: 1n, cycle: false };

/** Those of the plain numbers that are given. */
function said({ typeOid, increment, cycle }: SequenceOptions): Partial<typeof STANDARD> {
  return {
    ...(typeOid === undefined ? {} : { typeOid }),
    ...(increment === undefined ? {} : { increment }),
    ...(cycle === undefined ? {} : { cycle }),
  };
}

interface Direction {
  readonly typeOid: number;
  readonly increment: bigint;
  /** The numbers before, if they were of the same type. */
  readonly kept: SequenceNumbers | null;
}

function boundsOf(
  options: SequenceOptions,
  { typeOid, increment, kept }: Direction,
): readonly [bigint, bigint] {
  const bits = BigInt(TYPE_BITS[typeOid] ?? 64);
  const [low, high] = [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  const up = increment > 0n;
  const minimum = bound(options.minimum, kept?.minimum, up ? 1n : low);
  const maximum = bound(options.maximum, kept?.maximum, up ? high : -1n);
  assertWithin("MINVALUE", minimum, typeOid, [low, high]);
  assertWithin("MAXVALUE", maximum, typeOid, [low, high]);
  if (minimum >= maximum) {
    throw new SqlError("22023", `MINVALUE (${minimum}) must be less than MAXVALUE (${maximum})`);
  }
  return [minimum, maximum];
}

function assertStart(start: bigint, minimum: bigint, maximum: bigint): void {
  if (start < minimum) {
    throw new SqlError("22023", `START value (${start}) cannot be less than MINVALUE (${minimum})`);
  }
  if (start > maximum) {
    const text = `START value (${start}) cannot be greater than MAXVALUE (${maximum})`;
    throw new SqlError("22023", text);
  }
}

/** An explicit bound; NO MINVALUE (null) is the standard one; unsaid keeps what was. */
function bound(
  given: bigint | null | undefined,
  old: bigint | undefined,
  standard: bigint,
): bigint {
  if (given === undefined) return old ?? standard;
  return given ?? standard;
}

function assertWithin(
  what: string,
  value: bigint,
  typeOid: number,
  [low, high]: readonly [bigint, bigint],
): void {
  if (value >= low && value <= high) return;
  const type = typeByOid(typeOid)?.displayName ?? "bigint";
  throw new SqlError("22023", `${what} (${value}) is out of range for sequence data type ${type}`);
}
