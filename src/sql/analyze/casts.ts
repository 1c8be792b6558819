/** Which conversions PostgreSQL has between types, and where it applies them by itself. */
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";

/** implicit: in any expression; assignment: also when stored; explicit: only when asked for. */
export type CastContext = "implicit" | "assignment" | "explicit";

type TypeName = keyof typeof OID;

/** pg_cast as lines "from: to to to". */
const IMPLICIT = `
int2: int4 int8 numeric float4 float8 oid regclass regtype regproc regnamespace
int4: int8 numeric float4 float8 oid regclass regtype regproc regnamespace
int8: numeric float4 float8 oid regclass regtype regproc regnamespace
numeric: float4 float8
float4: float8
oid: regclass regtype regproc regnamespace
regclass: oid
regtype: oid
regproc: oid
regnamespace: oid
text: varchar bpchar regclass
varchar: text bpchar regclass
bpchar: text varchar
name: text
char: text
date: timestamp timestamptz
timestamp: timestamptz
time: timetz interval
int2vector: oidvector`;

const ASSIGNMENT = `
int4: int2
int8: int4 int2
numeric: int2 int4 int8
float4: int2 int4 int8 numeric
float8: int2 int4 int8 numeric float4
text: name char
varchar: name char
bpchar: name char
name: varchar bpchar
char: varchar bpchar
oid: int4 int8
regclass: int4 int8
regtype: int4 int8
regproc: int4 int8
regnamespace: int4 int8
timestamp: date time
timestamptz: timestamp date time timetz
timetz: time
interval: time
json: jsonb
jsonb: json`;

const EXPLICIT = `
int4: bool char
bool: int4
char: int4
jsonb: bool numeric int2 int4 int8 float4 float8
xid: int4 int8`;

const implicitCasts = pairs(IMPLICIT);
const assignmentCasts = pairs(ASSIGNMENT);
const explicitCasts = pairs(EXPLICIT);

export function canCast(from: number, to: number, context: CastContext): boolean {
  if (from === to || from === OID.unknown) {
    return true;
  }
  const pair = key(from, to);
  if (implicitCasts.has(pair)) {
    return true;
  }
  if (context === "implicit") {
    return canCastArray(from, to, context);
  }
  if (assignmentCasts.has(pair) || isString(to)) {
    return true;
  }
  if (context === "explicit" && (explicitCasts.has(pair) || isString(from))) {
    return true;
  }
  return canCastArray(from, to, context);
}

/** text, varchar, bpchar, name: values convert to and from them through their text form. */
export function isString(oid: number): boolean {
  return typeByOid(oid)?.category === "S";
}

function canCastArray(from: number, to: number, context: CastContext): boolean {
  const [left, right] = [typeByOid(from)?.elementOid ?? 0, typeByOid(to)?.elementOid ?? 0];
  return left !== 0 && right !== 0 && canCast(left, right, context);
}

function pairs(table: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of table.trim().split("\n")) {
    const [from = "", targets = ""] = line.split(": ");
    for (const to of targets.split(" ")) {
      found.add(key(OID[from as TypeName], OID[to as TypeName]));
    }
  }
  return found;
}

function key(from: number, to: number): string {
  return `${from}>${to}`;
}
