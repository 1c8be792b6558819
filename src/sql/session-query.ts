/**
 * Queries that ask the session and look at no data: SELECT pg_sleep(0.2), and SELECT set_config('a', 'b', true),
 * set_config(…) …. Their arguments are constants and parameters, so that the gateway knows them without
 * a query. In any other place these functions are refused (print/special-function.ts).
 */
import type { FuncCall, Node, ParamRef, SelectStmt } from "libpg-query";
import { constantText, locationOf, stringsOf } from "./analyze/nodes.ts";
import { StatementState } from "./analyze/statement.ts";
import { resolveTypeName } from "./analyze/type-name.ts";
import type { ParsedStatement } from "./parse.ts";
import type { TranslationContext } from "./translate.ts";
import type { SetConfigTranslation, SleepTranslation, ValueSource } from "./translation.ts";
import { OID } from "./types/oids.ts";
import { typeByOid } from "./types/registry.ts";

interface Target {
  /** Of the column. */
  readonly name: string;
  readonly call: FuncCall;
}

/** Whether a statement is such a query, as far as its form tells. */
export function isSessionQuery(node: Node): boolean {
  return "SelectStmt" in node && targetsOf(node.SelectStmt) !== null;
}

/** Undefined for any other statement, and where an argument is none of a constant or parameter. */
export function sessionQuery(
  statement: ParsedStatement,
  context: TranslationContext,
): SleepTranslation | SetConfigTranslation | undefined {
  const { node } = statement;
  const targets = "SelectStmt" in node ? targetsOf(node.SelectStmt) : null;
  if (targets === null) return undefined;
  const state = new StatementState({ ...context, source: statement });
  const isSleep = nameOf(targets[0]?.call) === SLEEP;
  const types = isSleep ? [OID.float8] : [OID.text, OID.text, OID.bool];
  const calls = targets.map(({ call }) => argumentsOf(call, types, state));
  if (calls.includes(undefined)) return undefined;
  const common = {
    parameterTypes: state.resolvedParameterTypes(),
    columns: targets.map(({ name }) => columnOf(name, isSleep ? OID.void : OID.text)),
    tag: "SELECT",
    tagCounts: true,
  };
  const known = calls.map((sources = []) => sources);
  const [[seconds = NULL] = []] = known;
  if (isSleep) return { kind: "sleep", seconds, ...common };
  const settings = known.map(([name = NULL, value = NULL, isLocal = NULL]) => ({
    name,
    value,
    isLocal,
  }));
  return { kind: "setConfig", settings, ...common };
}

const SLEEP = "pg_sleep";
const NULL: ValueSource = { from: "constant", value: null };

/** Null if anything else is in the query than calls of these functions. */
function targetsOf(select: SelectStmt): readonly Target[] | null {
  // Nearly every query; it is asked of each statement of a transaction.
  if (select.fromClause !== undefined) return null;
  const { targetList = [], limitOption: _option, op, ...others } = select;
  if (op !== "SETOP_NONE" || Object.keys(others).length > 0) return null;
  const targets = targetList.flatMap((target): readonly Target[] => {
    if (!("ResTarget" in target)) return [];
    const { val, name } = target.ResTarget;
    if (val === undefined || !("FuncCall" in val)) return [];
    return [{ name: name ?? nameOf(val.FuncCall), call: val.FuncCall }];
  });
  const [first, second] = targets;
  if (first === undefined || targets.length < targetList.length) return null;
  if (nameOf(first.call) === SLEEP) return second === undefined ? targets : null;
  return targets.every(({ call }) => nameOf(call) === "set_config") ? targets : null;
}

/** Empty for one that is not pg_catalog's, or is called in another way than with plain arguments. */
function nameOf(call: FuncCall | undefined): string {
  const { funcname, args: _args, funcformat: _format, location: _location, ...others } = call ?? {};
  const names = stringsOf(funcname);
  const isPlain = Object.keys(others).length === 0;
  if (!isPlain || (names.length > 1 && names[0] !== "pg_catalog")) return "";
  return names.at(-1) ?? "";
}

function argumentsOf(
  { args = [] }: FuncCall,
  types: readonly number[],
  state: StatementState,
): readonly ValueSource[] | undefined {
  if (args.length !== types.length) return undefined;
  const sources = args.map((arg, at) => sourceOf(arg, types[at] ?? OID.text, state));
  const known = sources.filter((source) => source !== undefined);
  return known.length === args.length ? known : undefined;
}

/** Throws SqlError 22P02 for a constant that is no value of the type. */
function sourceOf(node: Node, typeOid: number, state: StatementState): ValueSource | undefined {
  if ("TypeCast" in node) {
    const { arg, typeName } = node.TypeCast;
    if (arg === undefined || typeName === undefined || typeName.typmods !== undefined) {
      return undefined;
    }
    const castOid = resolveTypeName(typeName).typeOid;
    const isSame = castOid === typeOid || takers(typeOid).has(castOid);
    return isSame ? sourceOf(arg, castOid, state) : undefined;
  }
  if ("ParamRef" in node) return parameter(node.ParamRef, typeOid, state);
  if (!("A_Const" in node)) return undefined;
  const { isnull, sval, boolval } = node.A_Const;
  if (isnull === true) return NULL;
  const text = constantText(node) ?? "";
  const isOfType = boolval === undefined ? NUMBERS.has(typeOid) : typeOid === OID.bool;
  if (sval === undefined && !isOfType) return undefined;
  return state.located(locationOf(node), () => ({
    from: "constant",
    value: typeByOid(typeOid)?.fromText(text, -1) ?? null,
  }));
}

function parameter(
  { number = 0, location = 0 }: ParamRef,
  typeOid: number,
  state: StatementState,
): ValueSource | undefined {
  const known = state.parameterType(number, location);
  if (known === 0) state.setParameterType(number, typeOid);
  else if (known !== typeOid && !takers(typeOid).has(known)) return undefined;
  return { from: "client", number };
}

const NUMBERS: ReadonlySet<number> = new Set([
  OID.float8,
  OID.float4,
  OID.numeric,
  OID.int8,
  OID.int4,
  OID.int2,
]);
const TEXTS: ReadonlySet<number> = new Set([OID.text, OID.varchar, OID.name]);
const NONE: ReadonlySet<number> = new Set();

/** Types whose values go for those of another. */
function takers(typeOid: number): ReadonlySet<number> {
  if (typeOid === OID.float8) return NUMBERS;
  return typeOid === OID.text ? TEXTS : NONE;
}

function columnOf(name: string, typeOid: number) {
  return { name, typeOid, typeModifier: -1, tableOid: 0, columnNumber: 0 };
}
