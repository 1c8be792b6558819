/** One client's session over the cluster: implements what pgwire asks for (sql/database.ts). */
import type {
  ColumnDescription,
  PreparedStatement,
  Session,
  StatementResult,
  TransactionStatus,
} from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { type ParsedStatement, parseStatements } from "../sql/parse.ts";
import type { Translation } from "../sql/translation.ts";
import type { TextSettings } from "../sql/types/pg-type.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Gateway } from "./gateway.ts";
import type { SessionState } from "./session-state.ts";
import { closeRows } from "./statement-results.ts";
import { StatementRunner } from "./statement-runner.ts";

interface ClusterStatement extends PreparedStatement {
  /** Null: the text held no statement. */
  readonly parsed: ParsedStatement | null;
}

export class ClusterSession implements Session {
  /** Interactive transactions are not supported yet, so a session is never inside one. */
  readonly transactionStatus: TransactionStatus = "I";
  readonly #state: SessionState;
  readonly #gateway: Gateway;
  readonly #runner: StatementRunner;
  /** By identity: what `prepare` made. */
  readonly #prepared = new WeakMap<PreparedStatement, ClusterStatement>();
  #cancel: (() => void) | null = null;

  constructor(gateway: Gateway, state: SessionState) {
    this.#gateway = gateway;
    this.#state = state;
    this.#runner = new StatementRunner(gateway, state);
  }

  get textSettings(): TextSettings {
    return this.#state.settings.textSettings;
  }

  reportedParameters(): ReadonlyMap<string, string> {
    const reported = this.#state.settings.reported();
    // Clients that name several hosts look here for one that takes writes.
    reported.set("in_hot_standby", this.#gateway.node.leader === null ? "on" : "off");
    return reported;
  }

  async *simpleQuery(text: string): AsyncIterable<StatementResult> {
    const statements = parseStatements(text);
    const [first] = statements;
    if (first === undefined) yield { kind: "empty" };
    else if (statements.length === 1)
      yield await this.#cancellable(this.#runner.run(first, [], []), closeRows);
    else yield* eachOf(await this.#cancellable(this.#runner.runTogether(statements), closeRows));
  }

  async prepare(text: string, parameterTypes: readonly number[]): Promise<PreparedStatement> {
    const [parsed, second] = parseStatements(text);
    if (second !== undefined) {
      throw new SqlError("42601", "cannot insert multiple commands into a prepared statement");
    }
    const prepared: ClusterStatement =
      parsed === undefined
        ? { text, parsed: null, parameterTypes: [], columns: null }
        : { text, parsed, ...(await this.#describe(parsed, parameterTypes)) };
    this.#prepared.set(prepared, prepared);
    return prepared;
  }

  async execute(
    statement: PreparedStatement,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      throw new SqlError("26000", "prepared statement does not exist");
    }
    if (prepared.parsed === null) return { kind: "empty" };
    const { parsed, parameterTypes } = prepared;
    const check = ({ columns }: Translation): void => refuseOtherColumns(prepared, columns);
    const result = this.#runner.run(parsed, parameterTypes, parameters, check);
    return this.#cancellable(result, closeRows);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  fail(): void {
    // Each statement is its own transaction: there is nothing to fail.
  }

  cancel(): void {
    this.#cancel?.();
  }

  close(): void {
    this.#cancel?.();
  }

  async #describe(parsed: ParsedStatement, types: readonly number[]) {
    const translated = this.#runner.translate(parsed, types);
    const { parameterTypes, columns } = await this.#cancellable(translated, () => undefined);
    return { parameterTypes, columns };
  }

  /**
   * Lets a CancelRequest end the wait. What was proposed cannot be called back, so only a statement
   * that changes nothing may say that nothing happened; see docs/pgwire.md.
   */
  #cancellable<Result>(work: Promise<Result>, free: (result: Result) => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = (): void => {
        work.then(free, () => undefined);
        reject(
          new SqlError("57014", "canceling statement due to user request", {
            detail: "If it changes rows, it may still take effect.",
          }),
        );
      };
      this.#cancel = cancel;
      work.then(resolve, reject).finally(() => {
        // The session may wait for its next statement by now.
        if (this.#cancel === cancel) this.#cancel = null;
      });
    });
  }
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

/** The client has been told what columns come: a statement that would return others must not run. */
function refuseOtherColumns(
  prepared: ClusterStatement,
  columns: readonly ColumnDescription[] | null,
): void {
  const expected = prepared.columns ?? [];
  const actual = columns ?? [];
  const isSame =
    expected.length === actual.length &&
    expected.every((column, at) => column.typeOid === actual[at]?.typeOid);
  if (!isSame) throw new SqlError("0A000", "cached plan must not change result type");
}
