/** Statements that concern the session and not the data: SET, SHOW, BEGIN, VACUUM …. */
import type { Node, TransactionStmt, VariableSetStmt } from "libpg-query";
import { constantText, kindOf } from "./analyze/nodes.ts";
import { notSupported } from "./errors.ts";
import type {
  DatabaseTranslation,
  NoEffectTranslation,
  SettingTranslation,
  TransactionModes,
  TransactionTranslation,
  Translation,
} from "./translation.ts";
import { OID } from "./types/oids.ts";

function common(tag: string) {
  return { parameterTypes: [], columns: null, tag, tagCounts: false } as const;
}

/** Undefined for any other statement. */
export function sessionStatement(node: Node): Translation | undefined {
  if ("VariableSetStmt" in node) return setting(node.VariableSetStmt);
  if ("VariableShowStmt" in node) return show(node.VariableShowStmt.name ?? "");
  if ("TransactionStmt" in node) return transaction(node.TransactionStmt);
  if ("DiscardStmt" in node) return discard(node.DiscardStmt.target);
  if ("CreatedbStmt" in node) {
    return database("createDatabase", node.CreatedbStmt.dbname ?? "", false);
  }
  if ("DropdbStmt" in node) {
    return database(
      "dropDatabase",
      node.DropdbStmt.dbname ?? "",
      node.DropdbStmt.missing_ok === true,
    );
  }
  return noEffect(node);
}

function setting(node: VariableSetStmt): Translation {
  const { kind, args = [], is_local: local = false } = node;
  const name = (node.name ?? "").toLowerCase();
  if (kind === "VAR_SET_MULTI") {
    return transactionSetting(name, args);
  }
  const base = { name, local, value: null };
  switch (kind) {
    case "VAR_SET_VALUE":
      return { kind: "set", ...base, value: args.map(settingValue).join(", "), ...common("SET") };
    case "VAR_SET_DEFAULT":
      return { kind: "set", ...base, ...common("SET") };
    case "VAR_RESET":
      return { kind: "reset", ...base, ...common("RESET") };
    case "VAR_RESET_ALL":
      return { kind: "resetAll", ...base, ...common("RESET") };
    default:
      throw notSupported("SET … FROM CURRENT");
  }
}

/** Constants, and SET TIME ZONE INTERVAL '…', whose text is the offset. */
function settingValue(node: Node): string {
  if ("TypeCast" in node) {
    return constantText(node.TypeCast.arg) ?? "";
  }
  const text = constantText(node);
  if (text === undefined) {
    throw notSupported(`${kindOf(node)} as the value of a setting`);
  }
  return text;
}

/** SET TRANSACTION …, SET SESSION CHARACTERISTICS …. */
function transactionSetting(name: string, args: readonly Node[]): Translation {
  if (name === "transaction snapshot") {
    throw notSupported("SET TRANSACTION SNAPSHOT");
  }
  const ofSession = name === "session characteristics";
  return { kind: "setTransaction", modes: transactionModes(args), ofSession, ...common("SET") };
}

function transactionModes(options: readonly Node[]): TransactionModes {
  const said = options.flatMap((option): readonly [string, string][] => {
    if (!("DefElem" in option)) return [];
    const { defname = "", arg } = option.DefElem;
    const value = constantText(arg) ?? "";
    const isFlag = defname !== "transaction_isolation";
    return [[defname, isFlag ? (value === "1" ? "on" : "off") : value]];
  });
  return Object.fromEntries(said);
}

function show(written: string): SettingTranslation {
  const name = written.toLowerCase();
  const labels = name === "all" ? ["name", "setting", "description"] : [name];
  return {
    kind: "show",
    name,
    value: null,
    local: false,
    ...common("SHOW"),
    columns: labels.map(textColumn),
  };
}

function textColumn(name: string) {
  return { name, typeOid: OID.text, typeModifier: -1, tableOid: 0, columnNumber: 0 };
}

const ACTIONS: {
  readonly [kind in string]?: readonly [action: TransactionTranslation["action"], tag: string];
} = {
  TRANS_STMT_BEGIN: ["begin", "BEGIN"],
  TRANS_STMT_START: ["begin", "START TRANSACTION"],
  TRANS_STMT_COMMIT: ["commit", "COMMIT"],
  TRANS_STMT_ROLLBACK: ["rollback", "ROLLBACK"],
  TRANS_STMT_SAVEPOINT: ["savepoint", "SAVEPOINT"],
  TRANS_STMT_RELEASE: ["release", "RELEASE"],
  TRANS_STMT_ROLLBACK_TO: ["rollbackTo", "ROLLBACK"],
};

function transaction(node: TransactionStmt): TransactionTranslation {
  const [action, tag] = ACTIONS[node.kind ?? ""] ?? [];
  if (action === undefined || tag === undefined) {
    throw notSupported("two-phase commit");
  }
  const savepoint = node.savepoint_name ?? null;
  const modes = transactionModes(node.options ?? []);
  const chain = node.chain === true;
  return { kind: "transaction", action, savepoint, modes, chain, ...common(tag) };
}

function discard(target: string | undefined): Translation {
  if (target === "DISCARD_ALL") {
    return { kind: "discardAll", name: "", value: null, local: false, ...common("DISCARD ALL") };
  }
  const word = (target ?? "").replace("DISCARD_", "");
  if (word === "SEQUENCES") {
    const nothing = { name: "", value: null, local: false };
    return { kind: "discardSequences", ...nothing, ...common("DISCARD SEQUENCES") };
  }
  return { kind: "noEffect", ...common(`DISCARD ${word}`) };
}

function database(
  kind: DatabaseTranslation["kind"],
  name: string,
  missingOk: boolean,
): DatabaseTranslation {
  const tag = kind === "createDatabase" ? "CREATE DATABASE" : "DROP DATABASE";
  return { kind, database: name, missingOk, ...common(tag) };
}

const NO_EFFECT: { readonly [kind in string]?: string } = {
  CheckPointStmt: "CHECKPOINT",
  UnlistenStmt: "UNLISTEN",
  ReindexStmt: "REINDEX",
};

/** Nothing that a client could notice depends on these here. */
function noEffect(node: Node): NoEffectTranslation | undefined {
  if ("VacuumStmt" in node) {
    if (node.VacuumStmt.is_vacuumcmd !== true) return { kind: "noEffect", ...common("ANALYZE") };
    return { kind: "noEffect", neverInBlock: true, ...common("VACUUM") };
  }
  const tag = NO_EFFECT[kindOf(node)];
  if (tag === undefined) {
    return undefined;
  }
  return { kind: "noEffect", ...common(tag) };
}
