/**
 * One client's session over the cluster: implements what pgwire asks for (sql/database.ts).
 *
 * | open           | a statement comes            | runs                                        |
 * | nothing        | alone                        | by itself (StatementRunner)                 |
 * | nothing        | with others, in one query    | as one command of the log where that can be |
 * | nothing        | otherwise, before a Sync     | in an implicit transaction                  |
 * | a transaction  |                              | in it (BlockStatements)                     |
 */

import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { Stop } from "../machine/stop.ts";
import { asksForLocks } from "../sql/advisory-locks.ts";
import { EMPTY_CATALOG } from "../sql/catalog/catalog.ts";
import type {
  CopyInResult,
  CopyIntake,
  ExecuteOptions,
  PreparedStatement,
  Session,
  StatementResult,
  TransactionStatus,
} from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { isAboutSavepoint } from "../sql/failed-block.ts";
import { type ParsedStatement, parseStatements } from "../sql/parse.ts";
import { dependOnOrder, isPreparation } from "../sql/preparation.ts";
import type { PreparedStatements } from "../sql/prepared-statements.ts";
import { refuseParameters } from "../sql/statement-parameters.ts";
import type { TextSettings } from "../sql/types/pg-type.ts";
import type { SqliteValue } from "../sql/values.ts";
import { AdvisoryLocks } from "./advisory-locks.ts";
import { BlockStatements, type Wanted } from "./block-statements.ts";
import type { Gateway } from "./gateway.ts";
import { SessionClock } from "./session-clock.ts";
import { SessionPreparations } from "./session-preparations.ts";
import type { SessionState } from "./session-state.ts";
import { SessionTransactions } from "./session-transactions.ts";
import { closeRows } from "./statement-results.ts";
import { StatementRunner } from "./statement-runner.ts";
import { StatementWaits } from "./statement-waits.ts";

export interface ClusterSessionParts {
  readonly gateway: Gateway;
  readonly state: SessionState;
  readonly clock: Clock;
  /** Ends the connection with an error. */
  readonly terminate: (error: SqlError) => void;
}

export class ClusterSession implements Session {
  readonly #state: SessionState;
  readonly #gateway: Gateway;
  readonly #runner: StatementRunner;
  readonly #clock: SessionClock;
  readonly #waits: StatementWaits;
  readonly #locks: AdvisoryLocks;
  readonly #transactions: SessionTransactions;
  readonly #preparations: SessionPreparations;
  #reported: ReadonlyMap<string, string> = new Map();
  /** What `#reported` was made for. */
  #reportedKey = "";

  constructor({ gateway, state, clock, terminate }: ClusterSessionParts) {
    this.#gateway = gateway;
    this.#state = state;
    this.#clock = new SessionClock({
      clock,
      settings: state.settings,
      terminate: (error) => {
        terminate(error);
        // Nobody waits for it any more: a transaction that takes too long may be in a statement.
        state.stop.ask();
        this.#waits.cancel(error);
      },
    });
    const mayHaveEffect = () => !this.#transactions.isOpen && !this.#runner.isRehearsing;
    this.#waits = new StatementWaits(state, this.#clock, mayHaveEffect);
    const locks = new AdvisoryLocks({ gateway, state, clock, limits: this.#clock, terminate });
    this.#locks = locks;
    this.#runner = new StatementRunner(gateway, state, locks);
    this.#transactions = new SessionTransactions({
      gateway,
      state,
      clock: this.#clock,
      statements: new BlockStatements(gateway, state, locks),
      locks,
    });
    this.#preparations = new SessionPreparations({
      state,
      wallMicros: () => gateway.wallMicros(),
      parseLarge: (text, parameterTypes) => this.#parseLarge(text, parameterTypes),
      translate: async (statement, parameterTypes) =>
        this.#transactions.isOpen
          ? this.#transactions.translate({ statement, parameterTypes })
          : this.#runner.translate(statement, parameterTypes),
      compute: async (query, isAlone) => {
        const { stop } = state;
        const byItself = isAlone && !this.#transactions.isOpen;
        const values = byItself ? await this.#runner.compute(query) : null;
        if (values !== null) return values;
        stop.check();
        return this.#transactions.compute(query);
      },
    });
    this.#waitForClient();
  }

  get transactionStatus(): TransactionStatus {
    return this.#transactions.status;
  }

  get textSettings(): TextSettings {
    return this.#state.settings.textSettings;
  }

  get statements(): PreparedStatements {
    return this.#state.statements;
  }

  reportedParameters(): ReadonlyMap<string, string> {
    const { settings } = this.#state;
    // Clients that name several hosts look here for one that takes writes.
    const standby = this.#gateway.node.leader === null ? "on" : "off";
    const key = `${settings.version} ${standby}`;
    if (key === this.#reportedKey) return this.#reported;
    this.#reportedKey = key;
    this.#reported = settings.reported().set("in_hot_standby", standby);
    return this.#reported;
  }

  async *simpleQuery(text: string): AsyncIterable<StatementResult> {
    this.#begin();
    try {
      yield* this.#simpleQuery(text);
    } catch (error) {
      this.#transactions.failed();
      throw error;
    } finally {
      this.#transactions.queryEnded();
      this.#waitForClient();
    }
  }

  async prepare(text: string, parameterTypes: readonly number[]): Promise<PreparedStatement> {
    this.#begin();
    try {
      const prepared = this.#preparations.prepare(text, parameterTypes);
      return await this.#cancellable(prepared, () => undefined);
    } catch (error) {
      this.#transactions.failed();
      throw error;
    }
  }

  execute(
    statement: PreparedStatement,
    parameters: readonly SqliteValue[],
    options: ExecuteOptions = { syncFollows: false },
  ): MaybePromise<StatementResult> {
    this.#begin();
    const failed = (error: unknown): never => {
      this.#transactions.failed();
      throw error;
    };
    try {
      const wanted = this.#preparations.wanted(statement, parameters);
      const result = wanted === null ? EMPTY : this.#one(wanted, options.syncFollows);
      return result instanceof Promise ? result.catch(failed) : result;
    } catch (error) {
      return failed(error);
    }
  }

  sync(): MaybePromise<void> {
    this.#begin();
    if (this.#transactions.endsWithQuery) return this.#commitImplicit();
    this.#waitForClient();
  }

  async #commitImplicit(): Promise<void> {
    try {
      await this.#cancellable(this.#transactions.commitImplicit(), () => undefined);
    } finally {
      this.#transactions.queryEnded();
      this.#waitForClient();
    }
  }

  fail(): void {
    this.#transactions.failed();
  }

  cancel(): void {
    // Without a wait there may be rows that are being fetched.
    this.#state.stop.ask();
    this.#waits.cancel(new SqlError("57014", "canceling statement due to user request"));
  }

  close(): void {
    this.cancel();
    this.#clock.transactionEnded();
    this.#transactions.close();
    this.#locks.close();
  }

  #begin(): void {
    this.#clock.busy();
    if (!this.#transactions.isOpen) this.#clock.transactionBegun();
    this.#state.stop = new Stop();
  }

  #waitForClient(): void {
    if (this.transactionStatus !== "I") {
      this.#clock.idleInTransaction();
      return;
    }
    this.#clock.transactionEnded();
    this.#clock.idle();
  }

  async *#simpleQuery(text: string): AsyncIterable<StatementResult> {
    const statements = this.#state.translations.isLarge(text)
      ? await this.#cancellable(this.#parseLarge(text, []), () => undefined)
      : parseStatements(text);
    const [first] = statements;
    if (first === undefined) {
      yield { kind: "empty" };
      return;
    }
    const isAlone = statements.length === 1;
    const isExecute = "ExecuteStmt" in first.node;
    if (this.#transactions.isOpen || dependOnOrder(statements) || (isAlone && !isExecute)) {
      yield* this.#inSteps(statements, isAlone);
      return;
    }
    const results = await this.#together(statements.map(alone));
    if (results !== null) yield* eachOf(results);
    else yield* this.#inSteps(statements, isAlone);
  }

  /**
   * All results of statements that are undone together. Null, and nothing ran: they have to run one after
   * the other. The values of an EXECUTE that have to be computed are so in its turn, in the transaction.
   */
  async #together(all: readonly Wanted[]): Promise<readonly StatementResult[] | null> {
    const wanted = all.length === 1 ? null : this.#preparations.known(all);
    if (wanted === null) return this.#retried(all);
    // What an EXECUTE stands for may be a setting as well, which the values of the next depend on.
    if (dependOnOrder([...all, ...wanted].map(({ statement }) => statement))) return null;
    const together = this.#runner.runTogether(wanted);
    const results = await this.#cancellable(together, (done) => closeRows(done ?? []));
    return results ?? this.#retried(wanted);
  }

  /** For the schema as the statements will most likely find it. */
  #parseLarge(
    text: string,
    parameterTypes: readonly number[],
  ): Promise<readonly ParsedStatement[]> {
    const known = this.#gateway.catalogs.byId(this.#state.database.id)?.catalog ?? EMPTY_CATALOG;
    const catalog = this.#transactions.catalogNow ?? known;
    return this.#state.parseLarge(text, catalog, parameterTypes);
  }

  /**
   * Statements that cannot be one command, in an implicit transaction: its client has seen nothing
   * before it is committed, so that a conflict is tried again. Null: that is not for them.
   */
  async #retried(all: readonly Wanted[]): Promise<readonly StatementResult[] | null> {
    // What the statements do beside the data would be done again.
    const isRepeatable = !all.some(({ statement }) => {
      const { node } = this.#preparations.runs(statement);
      return NOT_REPEATABLE.some((kind) => kind in node) || asksForLocks(node);
    });
    if (!isRepeatable) return null;
    const isAlone = all.length === 1;
    const startedMs = this.#gateway.clock.monotonicMs();
    for (let left = RETRIES_MAX; ; left -= 1) {
      const results: StatementResult[] = [];
      try {
        for (const wanted of all) results.push(await this.#one(wanted, isAlone));
        await this.#cancellable(this.#transactions.commitImplicit(), () => undefined);
        return results;
      } catch (error) {
        closeRows(results);
        this.#transactions.queryEnded();
        if (!(error instanceof SqlError) || error.sqlState !== "40001" || left === 0) throw error;
        this.#clock.checkStatements(startedMs, all.length);
      }
    }
  }

  async *#inSteps(
    statements: readonly ParsedStatement[],
    isAlone: boolean,
  ): AsyncIterable<StatementResult> {
    const { stop } = this.#state;
    for (const statement of statements) {
      // It may have been asked for while the rows of the one before were sent.
      stop.check();
      yield await this.#one(alone(statement), isAlone);
    }
    if (!this.#transactions.endsWithQuery) return;
    stop.check();
    await this.#cancellable(this.#transactions.commitImplicit(), () => undefined);
  }

  /** One statement. `isAlone`: nothing that it would be in one implicit transaction with comes after it. */
  #one(wanted: Wanted, isAlone: boolean): MaybePromise<StatementResult> {
    // Those before it in its query may have set some.
    if (!isAlone) this.#clock.settingsChanged();
    const work = isPreparation(wanted.statement)
      ? this.#prepared(wanted, isAlone)
      : this.#run(wanted, isAlone);
    if (!(work instanceof Promise)) return this.#bounded(work);
    if (isAboutSavepoint(wanted.statement)) return this.#waits.toItsEnd(work);
    return this.#cancellable(work, closeRows).then((result) => this.#bounded(result));
  }

  #bounded(result: StatementResult): StatementResult {
    return result.kind === "copyIn" ? this.#withinLimits(result) : result;
  }

  /** PREPARE, EXECUTE, DEALLOCATE. */
  async #prepared(wanted: Wanted, isAlone: boolean): Promise<StatementResult> {
    const { stop } = this.#state;
    this.#transactions.refuseIfFailed(wanted.statement);
    const prepared = await this.#preparations.run(wanted.statement);
    if (prepared !== null) return prepared;
    const executed = await this.#preparations.resolve(wanted, isAlone);
    stop.check();
    return this.#run(executed, isAlone);
  }

  #run(wanted: Wanted, isAlone: boolean): MaybePromise<StatementResult> {
    const transactions = this.#transactions;
    const isControl = "TransactionStmt" in wanted.statement.node;
    return transactions.isOpen || isControl || !isAlone
      ? transactions.run(wanted)
      : this.#alone(wanted);
  }

  /** A COPY FROM whose steps can be cancelled as any statement can, and which has as long as one. */
  #withinLimits(result: StatementResult & CopyInResult): StatementResult {
    let late: SqlError | null = null;
    const timer = this.#clock.statement((error) => {
      late = error;
    });
    const step = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (late !== null) throw result.intake.placed(late);
      return this.#cancellable(work(), () => undefined);
    };
    const intake: CopyIntake = {
      write: (bytes) => step(() => result.intake.write(bytes)),
      finish: async () => {
        const tag = await step(() => result.intake.finish());
        timer?.cancel();
        return tag;
      },
      placed: (error) => result.intake.placed(error),
      abort: () => {
        timer?.cancel();
        result.intake.abort();
      },
    };
    return { ...result, intake };
  }

  async #alone(wanted: Wanted): Promise<StatementResult> {
    const { stop } = this.#state;
    const result = await this.#runner.run(wanted);
    if (result !== null) return result;
    stop.check();
    const inTransaction = await this.#transactions.run(wanted);
    stop.check();
    await this.#transactions.commitImplicit();
    return inTransaction;
  }

  #cancellable<Result>(work: Promise<Result>, free: (result: Result) => void): Promise<Result> {
    return this.#waits.cancellable(work, free);
  }
}

const EMPTY: StatementResult = { kind: "empty" };

/** What the protocol does with cursors and COPY may fail as well, and undoes all of it then. */
const NOT_REPEATABLE = [
  "TransactionStmt",
  "CopyStmt",
  "DeclareCursorStmt",
  "FetchStmt",
  "ClosePortalStmt",
] as const;

/** How often an implicit transaction that met a conflict is tried again. */
const RETRIES_MAX = 20;

/** A statement without values for parameters. Throws SqlError 42P02 for one that has some. */
function alone(statement: ParsedStatement): Wanted {
  refuseParameters(statement);
  return { statement, parameterTypes: [], parameters: [] };
}

/** Hands out the results one by one; what nobody takes any more is freed. */
function* eachOf(results: readonly StatementResult[]): Generator<StatementResult> {
  let given = 0;
  try {
    for (const result of results) {
      given += 1;
      yield result;
    }
  } finally {
    closeRows(results.slice(given));
  }
}
