/** What the session does by itself, without data: its settings. */
import { unreachable } from "../base/assert.ts";
import type { StatementResult } from "../sql/database.ts";
import type {
  NoEffectTranslation,
  SetTransactionTranslation,
  SettingTranslation,
} from "../sql/translation.ts";
import { MemoryRows } from "./row-sources.ts";
import type { SessionState } from "./session-state.ts";
import {
  commandResult,
  notInBlock,
  settingWithoutTransaction,
  textColumn,
} from "./statement-results.ts";

/** `isInBlock`: a transaction is open, which SET LOCAL ends with. Throws SqlError. */
export function runInSession(
  translation: SessionTranslation,
  state: SessionState,
  isInBlock: boolean,
): StatementResult {
  const { settings, statements } = state;
  const { kind } = translation;
  if (kind === "discardAll") statements.clear();
  if (kind === "discardAll" || kind === "discardSequences") state.forgetSequences();
  if (translation.kind === "show") return show(translation, settings);
  if (!isInBlock) return change(translation, settings, isInBlock);
  const modes = MODES.map((name) => [name, settings.show(name)] as const);
  const result = change(translation, settings, isInBlock);
  // What the session's transactions are like from now on concerns the next one, not the open one.
  for (const [name, value] of modes) {
    const isMeant = "name" in translation && translation.name === name;
    if (!isMeant && settings.show(name) !== value) settings.setLocal(name, value);
  }
  return result;
}

type SessionTranslation = SettingTranslation | SetTransactionTranslation | NoEffectTranslation;

const MODES = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];

/** Whether a setting is a mode of one transaction, whether LOCAL was said or not. */
export function isMode(name: string): boolean {
  return MODES.includes(name);
}

function change(
  translation: SessionTranslation,
  settings: SessionState["settings"],
  isInBlock: boolean,
): StatementResult {
  switch (translation.kind) {
    case "noEffect":
    case "show":
    case "discardSequences":
      break;
    case "setTransaction":
      if (!translation.ofSession) return notInBlock(translation);
      for (const [name, value] of Object.entries(translation.modes)) {
        settings.set(`default_${name}`, String(value));
      }
      break;
    case "set":
      if (!translation.local && !isMode(translation.name))
        settings.set(translation.name, translation.value);
      else if (isInBlock) settings.setLocal(translation.name, translation.value);
      else {
        settings.check(translation.name, translation.value);
        return settingWithoutTransaction(translation);
      }
      break;
    case "reset":
      settings.reset(translation.name);
      break;
    case "resetAll":
    case "discardAll":
      settings.resetAll();
      break;
    default:
      return unreachable(translation);
  }
  return commandResult(translation);
}

function show(
  translation: SettingTranslation,
  settings: SessionState["settings"],
): StatementResult {
  const rows =
    translation.name === "all"
      ? settings.all().map(([name, value]) => [name, value, ""])
      : [[settings.show(translation.name)]];
  const columns = translation.columns ?? [textColumn(translation.name)];
  return { kind: "rows", columns, rows: new MemoryRows(rows), tag: () => translation.tag };
}
