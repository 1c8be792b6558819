/** From a translation and the client's parameters to what the state machine runs. */
import { unreachable } from "../base/assert.ts";
import type { CommandStatement, CommandStep } from "../machine/command.ts";
import type { CopyChunk } from "../sql/copy/copy-chunks.ts";
import { literal } from "../sql/print/literal.ts";
import type { ParameterSource, Step, WriteTranslation } from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { SessionState } from "./session-state.ts";
import type { Logged } from "./statement-results.ts";

/** Fills in a step's parameters; throws SqlError for a fact of the session that is not there. */
export function boundStep(
  step: Step,
  parameters: readonly SqliteValue[],
  state: SessionState,
): CommandStep {
  const values = step.parameters.map((source) => valueOf(source, parameters, state));
  if (values.length > BOUND_MAX) return { sql: written(step.sql, values), parameters: [] };
  return { sql: step.sql, parameters: values };
}

/** SQLite binds no more (SQLITE_MAX_VARIABLE_NUMBER), and a client may give 65,535. */
const BOUND_MAX = 32_766;

/** A string, a name, or a parameter. */
const TOKENS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\?(\d+)/g;

/** The text of a step with its values written out. */
function written(sql: string, values: readonly SqliteValue[]): string {
  return sql.replace(TOKENS, (token, number?: string) =>
    number === undefined ? token : literal(values[Number(number) - 1] ?? null),
  );
}

/** A statement as it goes into a command of the log, or is tried before. */
export function boundStatement(
  translation: Logged,
  parameters: readonly SqliteValue[],
  state: SessionState,
): CommandStatement {
  const steps = translation.kind === "schema" ? translation.steps : [translation.step];
  return {
    kind: translation.kind,
    steps: steps.map((step) => boundStep(step, parameters, state)),
    returnsRows: translation.columns !== null,
    rebuildsTables: translation.kind === "schema" && translation.rebuildsTables,
  };
}

/** A COPY FROM with all its data: a step for each chunk. */
export function boundCopy(
  insert: WriteTranslation,
  chunks: readonly CopyChunk[],
  state: SessionState,
): CommandStatement {
  const steps = chunks.map(({ text, linesBefore, lineEnd }) =>
    boundStep(insert.step, [text, BigInt(linesBefore), lineEnd], state),
  );
  return { kind: "write", steps, returnsRows: false, rebuildsTables: false };
}

/** Throws SqlError for a fact of the session that is not there. */
export function valueOf(
  source: ParameterSource,
  parameters: readonly SqliteValue[],
  state: SessionState,
): SqliteValue {
  switch (source.from) {
    case "client":
      return parameters[source.number - 1] ?? null;
    case "constant":
      return source.value;
    case "session":
      return state.fact(source.fact);
    default:
      return unreachable(source);
  }
}
