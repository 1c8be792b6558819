/**
 * What may run for minutes is tried at this node before it goes to the log as one command: the nodes run what is in
 * the log to its end, also if its client has given it up. Here it can be stopped, and if it fails it
 * fails here. Nothing of what it does here is kept or answered, so nobody can be in its way: what
 * the log makes of it counts.
 */
import type { CommandStatement } from "../machine/command.ts";
import { StaleSchemaError, type StatementOutcome } from "../machine/state-machine.ts";
import type { Stop } from "../machine/stop.ts";
import { isAboutResources, SqlError } from "../sql/errors.ts";
import { locksReleased } from "./failures.ts";
import type { Gateway, WriteCommand } from "./gateway.ts";
import type { SessionState } from "./session-state.ts";
import { type Logged, mayRunLong } from "./statement-results.ts";

export class RehearsedWrites {
  readonly #gateway: Gateway;
  readonly #state: SessionState;
  #running: Stop | null = null;

  constructor(gateway: Gateway, state: SessionState) {
    this.#gateway = gateway;
    this.#state = state;
  }

  /** Whether the session's statement is being tried: nothing of it has happened. */
  get isRehearsing(): boolean {
    return this.#running === this.#state.stop;
  }

  /**
   * Runs a command through the log. `translations`: what its statements are made of. Throws the error of one
   * that fails, 57014 if its client gives it up meanwhile, StaleSchemaError.
   */
  async run(
    command: WriteCommand,
    translations: readonly Logged[],
  ): Promise<readonly StatementOutcome[]> {
    const { stop, lockBinding } = this.#state;
    const { session } = lockBinding;
    const last = translations.findLastIndex(mayRunLong);
    const runsMs = last === -1 ? 0 : await this.#rehearse(command, last + 1, stop);
    // Somebody else may have the client's locks by now.
    if (session !== null && lockBinding.session !== session) throw locksReleased();
    const { results } = await this.#gateway.write(command, lockBinding, runsMs);
    stop.check();
    return results;
  }

  /** Tries the first statements. Resolves with how long it took. */
  async #rehearse(command: WriteCommand, count: number, stop: Stop): Promise<number> {
    const { clock } = this.#gateway;
    const startedMs = clock.monotonicMs();
    this.#running = stop;
    try {
      await this.#run(command, command.statements.slice(0, count), stop);
      stop.check();
    } finally {
      if (this.#running === stop) this.#running = null;
    }
    return clock.monotonicMs() - startedMs;
  }

  async #run(
    command: WriteCommand,
    statements: readonly CommandStatement[],
    stop: Stop,
  ): Promise<void> {
    const { applier } = this.#gateway.node;
    const { appliedIndex } = applier;
    const error = await this.#failure(command, statements, stop);
    if (error === null) return;
    if (isAboutResources(error)) throw error;
    // This node may not know yet what was acknowledged elsewhere, and would not fail then.
    await this.#gateway.mayRead({ stale: false, maxStalenessMs: 0 });
    stop.check();
    const isNewest = applier.appliedIndex === appliedIndex;
    const failure = isNewest ? error : await this.#failure(command, statements, stop);
    if (failure !== null) throw failure;
  }

  async #failure(
    { database, catalogVersion }: WriteCommand,
    statements: readonly CommandStatement[],
    stop: Stop,
  ): Promise<SqlError | null> {
    const gateway = this.#gateway;
    const request = {
      database,
      transaction: gateway.nextTransaction(),
      start: {
        catalogVersion,
        seed: gateway.seed(),
        startedMicros: gateway.wallMicros(),
        items: [],
      },
      item: { kind: "rehearsal", statement: together(statements) },
    } as const;
    const result = await gateway.speculate(request, stop);
    if (result.kind === "conflict") throw new StaleSchemaError("the schema changed meanwhile");
    if (result.kind !== "failed") return null;
    const { sqlState, message, fields } = result.error;
    // Each of several has the bounds for itself.
    if (statements.length > 1 && sqlState === "54000") return null;
    return new SqlError(sqlState, message, fields);
  }
}

/** One that does what all of them do: nobody sees its rows. */
function together(statements: readonly CommandStatement[]): CommandStatement {
  return {
    kind: statements.some(({ kind }) => kind === "schema") ? "schema" : "write",
    steps: statements.flatMap(({ steps }) => steps),
    returnsRows: statements.some(({ returnsRows }) => returnsRows),
    rebuildsTables: statements.some(({ rebuildsTables }) => rebuildsTables),
  };
}
