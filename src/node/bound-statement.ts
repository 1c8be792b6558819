/** From a translation and the client's parameters to what the state machine runs. */
import { unreachable } from "../base/assert.ts";
import type { CommandStatement, CommandStep } from "../machine/command.ts";
import type { CopyChunk } from "../sql/copy/copy-chunks.ts";
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
  return {
    sql: step.sql,
    parameters: step.parameters.map((source) => valueOf(source, parameters, state)),
  };
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
