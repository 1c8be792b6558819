/** Queries that the session answers by itself: pg_sleep() and set_config(). */
import type { Clock } from "../base/clock.ts";
import type { Stop } from "../machine/stop.ts";
import type { StatementResult } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type {
  SetConfigTranslation,
  SettingTranslation,
  SleepTranslation,
} from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import { valueOf } from "./bound-statement.ts";
import { MemoryRows } from "./row-sources.ts";
import type { SessionState } from "./session-state.ts";
import { rowsResult } from "./statement-results.ts";

/** pg_sleep(): nothing but this client waits. Rejects with 57014 when its statement is stopped. */
export async function sleep(
  translation: SleepTranslation,
  parameters: readonly SqliteValue[],
  state: SessionState,
  clock: Clock,
): Promise<StatementResult> {
  const seconds = valueOf(translation.seconds, parameters, state);
  if (seconds === null) return rowsResult(translation, new MemoryRows([[null]]));
  const endMs = clock.monotonicMs() + Number(seconds) * 1000;
  for (;;) {
    const leftMs = endMs - clock.monotonicMs();
    // Not a number is no time either.
    if (!(leftMs > 0)) break;
    await pause(Math.min(leftMs, TIMER_MS_MAX), clock, state.stop);
    state.stop.check();
  }
  return rowsResult(translation, new MemoryRows([[""]]));
}

/** The longest that a timer of the platform takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Resolves after this time, or when the statement is stopped. */
function pause(milliseconds: number, clock: Clock, stop: Stop): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      stop.ignore(end);
      resolve();
    };
    const timer = clock.after(milliseconds, end);
    stop.listen(end);
  });
}

/** set_config(): `set` sets one after the other, each before the next one's values are read. */
export async function setConfig(
  translation: SetConfigTranslation,
  parameters: readonly SqliteValue[],
  state: SessionState,
  set: (setting: SettingTranslation) => void,
): Promise<StatementResult> {
  const row = translation.settings.map((sources) => {
    const given = valueOf(sources.name, parameters, state);
    if (given === null) throw new SqlError("22004", "SET requires parameter name");
    const name = String(given).toLowerCase();
    const value = valueOf(sources.value, parameters, state);
    set({
      kind: "set",
      name,
      value: value === null ? null : String(value),
      local: valueOf(sources.isLocal, parameters, state) === 1n,
      parameterTypes: [],
      columns: null,
      tag: "SET",
      tagCounts: false,
    });
    // A name with a dot that nobody has set is known once somebody has reset it.
    return state.settings.showIfKnown(name) ?? "";
  });
  return rowsResult(translation, new MemoryRows([row]));
}
