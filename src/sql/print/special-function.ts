/** Functions that need more than their arguments' types: the session, the catalog, a constant. */

import { type Typed, typed } from "../analyze/typed.ts";
import { resolveRegName } from "../functions/reg-names.ts";
import type { SessionFact } from "../translation.ts";
import { OID } from "../types/oids.ts";
import { coerce } from "./cast.ts";
import type { OperatorPlace } from "./comparison.ts";

type Special = (args: readonly Typed[], place: OperatorPlace) => Typed | undefined;

/** Undefined: the library's signatures decide. */
export function specialFunction(
  name: string,
  args: readonly Typed[],
  place: OperatorPlace,
): Typed | undefined {
  return SPECIALS[name]?.(args, place);
}

const SPECIALS: { readonly [name in string]?: Special } = {
  current_database: fact("currentDatabase", OID.name),
  current_catalog: fact("currentDatabase", OID.name),
  pg_backend_pid: fact("backendPid", OID.int4),
  current_setting: currentSetting,
  pg_typeof: typeOf,
  nextval: (args, place) => sequenceCall("pg_nextval", args, place),
  setval: (args, place) => sequenceCall("pg_setval", args, place),
  currval,
  lastval: fact("lastval", OID.int8),
  pg_current_xact_id: fact("xid", OID.xid8),
  pg_current_xact_id_if_assigned: fact("xidIfAssigned", OID.xid8),
  txid_current: fact("xid", OID.int8),
  txid_current_if_assigned: fact("xidIfAssigned", OID.int8),
  pg_sleep: ofSession("pg_sleep()", 1),
  set_config: ofSession("set_config()", 3),
};

function fact(name: SessionFact, typeOid: number): Special {
  return (args, { scope, location }) =>
    args.length > 0
      ? undefined
      : {
          ...typed(scope.statement.sessionFact(name), typeOid, location),
          notNull: name !== "xidIfAssigned",
        };
}

/** The session knows it: so the sequence has to be named where the statement is translated. */
function currval(args: readonly Typed[], { scope, location }: OperatorPlace): Typed | undefined {
  const [sequence] = args;
  if (sequence === undefined || args.length !== 1) return undefined;
  const oid = /^\d+$/.exec(sequenceOid(sequence, { scope, location }))?.[0];
  if (oid === undefined) {
    throw scope.statement.notSupported("currval() of anything but a literal", location);
  }
  const value = scope.statement.sessionFact(`currval:${Number(oid)}`);
  return { ...typed(value, OID.int8, location), notNull: true };
}

/** The session does it, where nothing else is asked for (session-query.ts): so not in this place. */
function ofSession(feature: string, argumentCount: number): Special {
  return (args, { scope, location }) => {
    if (args.length !== argumentCount) return undefined;
    throw scope.statement.error("0A000", `${feature} is not supported in this place`, location, {
      hint: `Call it in a SELECT of its own, with constants and parameters: SELECT ${feature.replace("()", "(…)")}.`,
    });
  };
}

function currentSetting(args: readonly Typed[], place: OperatorPlace): Typed | undefined {
  const { scope, location } = place;
  const [name, missingOk] = args;
  if (name === undefined || args.length > 2) return undefined;
  if (name.unknown?.kind !== "literal" || name.unknown.text === null) {
    throw scope.statement.notSupported("current_setting() of anything but a literal", location);
  }
  const fact = missingOk !== undefined && saysYes(missingOk, place) ? "settingIfKnown" : "setting";
  const setting = name.unknown.text.toLowerCase();
  return typed(scope.statement.sessionFact(`${fact}:${setting}`), OID.text, location);
}

/** Whether a constant is true. */
function saysYes(flag: Typed, { scope, location }: OperatorPlace): boolean {
  const { sql } = coerce(flag, OID.bool, scope.statement);
  if (sql === "1" || sql === "0") return sql === "1";
  throw scope.statement.notSupported("current_setting() with anything but true or false", location);
}

function typeOf(args: readonly Typed[], { location }: OperatorPlace): Typed | undefined {
  const [value] = args;
  if (value === undefined || args.length !== 1) {
    return undefined;
  }
  const oid = value.unknown === undefined ? value.typeOid : OID.unknown;
  // Its argument stays in the text: what is bound for it has to stand somewhere.
  const isBare = value.unknown !== undefined;
  const sql = isBare ? String(oid) : `(CASE WHEN 1 THEN ${oid} ELSE ${value.sql} END)`;
  return { ...typed(sql, OID.regtype, location), notNull: true };
}

/** The sequence is looked up now where it is named by a literal, so that a missing one is 42P01. */
function sequenceCall(
  sqlite: string,
  args: readonly Typed[],
  { scope, location }: OperatorPlace,
): Typed | undefined {
  const { statement } = scope;
  const [sequence, value, isCalled] = args;
  const expected = sqlite === "pg_nextval" ? [1] : [2, 3];
  if (sequence === undefined || !expected.includes(args.length)) {
    return undefined;
  }
  statement.changesSequences = true;
  statement.volatile = true;
  const rest = [
    ...(value === undefined ? [] : [coerce(value, OID.int8, statement).sql]),
    ...(isCalled === undefined ? [] : [coerce(isCalled, OID.bool, statement).sql]),
  ];
  const regclass = sequenceOid(sequence, { scope, location });
  return typed(`${sqlite}(${[regclass, ...rest].join(", ")})`, OID.int8, location);
}

function sequenceOid(sequence: Typed, { scope, location }: OperatorPlace): string {
  const { statement } = scope;
  if (sequence.unknown?.kind !== "literal" || sequence.unknown.text === null) {
    const isText = sequence.typeOid === OID.text || sequence.typeOid === OID.varchar;
    const value = isText
      ? `reg_from_text(${sequence.sql}, ${OID.regclass})`
      : coerce(sequence, OID.regclass, statement).sql;
    return value;
  }
  const name = sequence.unknown.text;
  const oid = statement.located(sequence.location, () =>
    resolveRegName(name, OID.regclass, statement.catalog),
  );
  const relation = [...statement.catalog.relations.values()].find((each) => each.oid === oid);
  if (relation?.kind !== "sequence") {
    throw statement.error("42809", `"${name}" is not a sequence`, location);
  }
  return String(oid);
}
