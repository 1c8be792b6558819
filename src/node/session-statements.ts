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

/** `isInBlock`: a transaction is open, which SET LOCAL ends with. */
export function runInSession(
  translation: SettingTranslation | SetTransactionTranslation | NoEffectTranslation,
  { settings }: SessionState,
  isInBlock: boolean,
): StatementResult {
  switch (translation.kind) {
    case "noEffect":
      break;
    case "setTransaction":
      if (!translation.ofSession) return notInBlock(translation);
      for (const [name, value] of Object.entries(translation.modes)) {
        settings.set(`default_${name}`, String(value));
      }
      break;
    case "set":
      if (!translation.local && !MODE.test(translation.name))
        settings.set(translation.name, translation.value);
      else if (isInBlock) settings.setLocal(translation.name, translation.value);
      else return settingWithoutTransaction(translation);
      break;
    case "reset":
      settings.reset(translation.name);
      break;
    case "resetAll":
    case "discardAll":
      settings.resetAll();
      break;
    case "show":
      return show(translation, settings);
    default:
      return unreachable(translation);
  }
  return commandResult(translation);
}

/** Modes of one transaction, whether LOCAL was said or not. */
const MODE = /^transaction_(isolation|read_only|deferrable)$/;

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
