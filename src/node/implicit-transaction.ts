/** How the statements of one simple query run together: all or nothing. */
import { SqlError } from "../sql/errors.ts";
import type {
  NoEffectTranslation,
  SetTransactionTranslation,
  SettingTranslation,
  Translation,
} from "../sql/translation.ts";
import { isMode } from "./session-statements.ts";
import type { Logged } from "./statement-results.ts";

/** What the session does by itself, at once. */
export type InSession = SettingTranslation | SetTransactionTranslation | NoEffectTranslation;

/** Throws SqlError 25001 for what PostgreSQL runs in no transaction. */
export function refuseInTransaction(translations: readonly Translation[]): void {
  for (const translation of translations) {
    const { kind, tag } = translation;
    const isRefused =
      kind === "noEffect" ? translation.neverInBlock === true : NEVER_IN_BLOCK.has(kind);
    if (isRefused) throw new SqlError("25001", `${tag} cannot run inside a transaction block`);
  }
}

const NEVER_IN_BLOCK: ReadonlySet<Translation["kind"]> = new Set([
  "createDatabase",
  "dropDatabase",
  "discardAll",
]);

/**
 * | the statements                                             | run                           |
 * | at most one looks at data, and changes none                | one after the other           |
 * | some change data, and all can be part of one command        | as one command of the log     |
 * | anything else                                              | in an interactive transaction |
 */
export function wayOf(
  translations: readonly Translation[],
): "oneByOne" | "asOneCommand" | "inTransaction" {
  if (translations.some(changesSomething)) {
    return translations.every(isInCommand) ? "asOneCommand" : "inTransaction";
  }
  if (translations.some(needsTransaction)) return "inTransaction";
  const looks = translations.filter(({ kind }) => kind === "read" || kind === "explain");
  return looks.length <= 1 ? "oneByOne" : "inTransaction";
}

const NEEDS_TRANSACTION: ReadonlySet<Translation["kind"]> = new Set([
  "cursor",
  "advisoryLock",
  "sleep",
  "setConfig",
  "copyIn",
  "copyOut",
]);

/** What is set for the transaction among them: it holds for those behind it, and ends with them. */
function needsTransaction(translation: Translation): boolean {
  const { kind } = translation;
  if (kind === "set") return translation.local || isMode(translation.name);
  if (kind === "setTransaction") return !translation.ofSession;
  if (kind === "noEffect") return translation.onlyInBlock === "warned";
  return NEEDS_TRANSACTION.has(kind);
}

/** Whether a statement can stand in a command of the log with others, or beside it in the session. */
export function isInCommand(translation: Translation): translation is Logged | InSession {
  switch (translation.kind) {
    case "write":
    case "schema":
      return !asksForMore(translation);
    case "read":
      return !translation.usesSystemRelations && !asksForMore(translation);
    case "set":
    case "setTransaction":
      return !needsTransaction(translation);
    case "show":
    case "reset":
    case "resetAll":
    case "discardAll":
    case "discardSequences":
      return true;
    case "noEffect":
      return translation.onlyInBlock === undefined;
    default:
      return false;
  }
}

/** currval(), lastval() and the transaction's id are known only when the statements before have run. */
function asksForMore(translation: Logged): boolean {
  const steps = translation.kind === "schema" ? translation.steps : [translation.step];
  return steps.some(({ parameters }) =>
    parameters.some(
      (source) => source.from === "session" && /^(currval:|lastval|xid)/.test(source.fact),
    ),
  );
}

function changesSomething(translation: Translation): boolean {
  return translation.kind === "write" || translation.kind === "schema";
}
