/** What the session does by itself, without data: its settings. */
import { unreachable } from "../base/assert.ts";
import type { StatementResult } from "../sql/database.ts";
import type { NoEffectTranslation, SettingTranslation } from "../sql/translation.ts";
import { MemoryRows } from "./row-sources.ts";
import type { SessionState } from "./session-state.ts";
import { commandResult, settingWithoutTransaction, textColumn } from "./statement-results.ts";

/** `isInBlock`: a transaction is open, which SET LOCAL ends with. */
export function runInSession(
  translation: SettingTranslation | NoEffectTranslation,
  { settings }: SessionState,
  isInBlock: boolean,
): StatementResult {
  switch (translation.kind) {
    case "noEffect":
      break;
    case "set":
      if (translation.local && !isInBlock) return settingWithoutTransaction(translation);
      settings.set(translation.name, translation.value);
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
