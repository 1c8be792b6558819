/**
 * The extended query protocol of one client: prepared statements and portals.
 *
 * A portal's states:
 *
 *   Bind ──► bound ──Execute──► rows ──Execute (all rows taken)──► ended
 *              │                 └──Execute (row limit): PortalSuspended, stays in rows
 *              └──Execute (no rows)──► ran: cannot be run again
 *
 * What closes them is said in portals.ts.
 */
import { unreachable } from "../base/assert.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type {
  CommandResult,
  CursorResult,
  PreparedStatement,
  RowsResult,
  Session,
  StatementResult,
  TransactionStatus,
} from "../sql/database.ts";
import { inFailedBlock } from "../sql/failed-block.ts";
import type { CopyTransfer } from "./copy-transfer.ts";
import { FetchedRows } from "./fetched-rows.ts";
import type { BindMessage, CloseMessage, DescribeMessage, ParseMessage } from "./frontend.ts";
import type { ClientOutput } from "./output.ts";
import {
  cannotRun,
  columnsIn,
  type Portal,
  type PortalState,
  Portals,
  takeRows,
} from "./portals.ts";
import {
  checkCounts,
  decodeParameters,
  describeFields,
  RowEncoder,
  resultFormats,
} from "./values.ts";

/** What Execute asked for. */
interface Execution {
  readonly rowLimit: number;
  readonly syncFollows: boolean;
}

export class ExtendedQuery {
  readonly #session: Session;
  readonly #output: ClientOutput;
  readonly #copies: CopyTransfer;
  readonly #portals = new Portals();
  /** Errors that the session itself threw, so that it need not be told of them. It knows of none in rows. */
  readonly #ofSession = new WeakSet<object>();

  constructor(session: Session, output: ClientOutput, copies: CopyTransfer) {
    this.#session = session;
    this.#output = output;
    this.#copies = copies;
  }

  /** Whether the session threw this error itself. */
  isSessionError(error: unknown): boolean {
    return typeof error === "object" && error !== null && this.#ofSession.has(error);
  }

  async parse({ name, text, parameterTypes }: ParseMessage): Promise<void> {
    const { statements } = this.#session;
    if (name === "") statements.forget("");
    const statement = await this.#ask(() => this.#session.prepare(text, parameterTypes));
    if (statement.isEmpty !== true && statement.leavesFailure !== true) this.#refuseIfFailed();
    statements.add(name, statement);
    this.#output.writer.parseComplete();
  }

  bind(message: BindMessage): void {
    const statement = this.#session.statements.get(message.statement);
    const { parameterTypes } = statement;
    checkCounts(message, parameterTypes.length);
    if (statement.leavesFailure !== true) this.#refuseIfFailed();
    this.#portals.refuse(message.portal);
    const parameters = decodeParameters(message, parameterTypes, this.#session.textSettings);
    const formatCodes = message.resultFormats;
    const columns = this.#columnsOf(statement);
    if (columns !== null) resultFormats(formatCodes, columns.length);
    const leavesFailure = this.#session.transactionStatus === "E";
    const state: PortalState = { kind: "bound" };
    const portal = { statement, parameters, formatCodes, leavesFailure, state, fetched: null };
    this.#portals.open(message.portal, portal);
    this.#output.writer.bindComplete();
  }

  describe({ what, name }: DescribeMessage): void {
    const { writer } = this.#output;
    if (what === "statement") {
      const statement = this.#session.statements.get(name);
      const columns = this.#columnsOf(statement);
      if (columns !== null) this.#refuseIfFailed();
      writer.parameterDescription(statement.parameterTypes);
      if (columns === null) writer.noData();
      else writer.rowDescription(describeFields(columns));
      return;
    }
    const portal = this.#portals.get(name);
    const columns = columnsIn(portal) ?? this.#columnsOf(portal.statement);
    if (columns === null) {
      writer.noData();
      return;
    }
    this.#refuseIfFailed();
    const formats = resultFormats(portal.formatCodes, columns.length);
    writer.rowDescription(describeFields(columns, formats));
  }

  /**
   * Runs a portal or goes on with it. `rowLimit` 0 or below: all rows. `syncFollows`: the client has
   * sent Sync right behind.
   */
  execute(name: string, rowLimit: number, syncFollows = false): MaybePromise<void> {
    const portal = this.#portals.get(name);
    if (portal.statement.isEmpty !== true && !portal.leavesFailure) this.#refuseIfFailed();
    const statusBefore = this.#session.transactionStatus;
    const failed = (error: unknown): never => {
      this.#portals.close(name);
      throw error;
    };
    const wanted = { rowLimit, syncFollows };
    let done: MaybePromise<void>;
    try {
      const before = portal.fetched?.finish();
      done = andThen(before, () => this.#advance(portal, name, wanted));
    } catch (error) {
      return failed(error);
    }
    if (done instanceof Promise) return done.then(() => this.#executed(statusBefore), failed);
    this.#executed(statusBefore);
  }

  #executed(statusBefore: TransactionStatus): void {
    if (statusBefore !== "I" && this.#session.transactionStatus === "I") this.closePortals();
  }

  async close({ what, name }: CloseMessage): Promise<void> {
    if (what === "statement") this.#session.statements.forget(name);
    else await this.#closePortal(name);
    this.#output.writer.closeComplete();
  }

  /**
   * DECLARE, FETCH, MOVE or CLOSE. Returns the rows of a FETCH, which the caller sends; null: it is
   * answered. Throws 34000 if there is no such cursor, 42P03 if there is one.
   */
  async useCursor({ action }: CursorResult): Promise<RowsResult | null> {
    const { writer } = this.#output;
    switch (action.kind) {
      case "declare":
        this.#portals.declare(action.name, action.result, this.#session.textSettings);
        writer.commandComplete("DECLARE CURSOR");
        return null;
      case "fetch":
        return this.#fetch(action.name, action.rowsMax);
      case "move":
        writer.commandComplete(`MOVE ${await this.#move(action.name, action.rowsMax)}`);
        return null;
      case "close":
        if (action.name === null) this.closePortals();
        else {
          this.#portals.named(action.name);
          await this.#closePortal(action.name);
        }
        writer.commandComplete(action.name === null ? "CLOSE CURSOR ALL" : "CLOSE CURSOR");
        return null;
      default:
        return unreachable(action);
    }
  }

  /** Answers a statement without rows. */
  command({ tag, savepoint, endsTransaction }: CommandResult): void {
    if (endsTransaction === true) this.closePortals();
    if (savepoint !== undefined) this.#portals.atSavepoint(savepoint);
    this.#output.writer.commandComplete(tag);
  }

  /** A simple query takes the place of the unnamed statement, and of the unnamed portal. */
  forgetUnnamed(): void {
    this.#session.statements.forget("");
    this.#portals.close("");
  }

  /** The transaction has ended, or the session. */
  closePortals(): void {
    this.#portals.closeAll();
  }

  async #fetch(name: string, rowsMax: number | null): Promise<RowsResult> {
    const cursor = await this.#cursor(name);
    const rows = new FetchedRows((limit) => takeRows(cursor, name, limit), rowsMax);
    cursor.fetched = rows;
    const columns = columnsIn(cursor) ?? [];
    return { kind: "rows", columns, rows, tag: (count) => `FETCH ${count}` };
  }

  async #move(name: string, rowsMax: number | null): Promise<number> {
    const cursor = await this.#cursor(name);
    const rows = new FetchedRows((limit) => takeRows(cursor, name, limit), rowsMax);
    rows.close();
    return rows.finish();
  }

  /** A cursor that stands where the statements before have left it. */
  async #cursor(name: string): Promise<Portal> {
    const cursor = this.#portals.cursor(name);
    await cursor.fetched?.finish();
    return cursor;
  }

  /** What a FETCH has left of its rows outlives the cursor, but for a block that has failed. */
  async #closePortal(name: string): Promise<void> {
    const fetched = this.#portals.find(name)?.fetched ?? null;
    const isAlive = this.#session.transactionStatus !== "E";
    if (fetched?.isWanted === true && isAlive) await fetched.finish();
    this.#portals.close(name);
  }

  #advance(portal: Portal, name: string, wanted: Execution): MaybePromise<void> {
    const { state } = portal;
    switch (state.kind) {
      case "bound":
        return this.#start(portal, wanted);
      case "rows":
        return this.#continue(portal, state, wanted.rowLimit);
      case "ended":
        return this.#output.writer.commandComplete(state.result.tag(0));
      case "ran":
      case "failed":
        throw cannotRun(name);
      default:
        unreachable(state);
    }
  }

  #start(portal: Portal, { rowLimit, syncFollows }: Execution): MaybePromise<void> {
    const { statement, parameters } = portal;
    const answer = this.#ask(() => this.#session.execute(statement, parameters, { syncFollows }));
    return andThen(answer, (result) => this.#answer(portal, result, rowLimit));
  }

  #answer(portal: Portal, result: StatementResult, rowLimit: number): MaybePromise<void> {
    this.#output.notices(result.notices);
    switch (result.kind) {
      case "rows":
        return this.#startRows(portal, result, rowLimit);
      case "command":
        portal.state = { kind: "ran" };
        return this.command(result);
      case "cursor":
        portal.state = { kind: "ran" };
        return this.#startCursor(portal, result, rowLimit);
      case "copyIn":
        portal.state = { kind: "ran" };
        return this.#copies.receive(result);
      case "copyOut":
        portal.state = { kind: "ran" };
        return this.#copies.send(result, this.#session.textSettings);
      case "empty":
        return this.#output.writer.emptyQueryResponse();
      default:
        return unreachable(result);
    }
  }

  async #startCursor(portal: Portal, result: CursorResult, rowLimit: number): Promise<void> {
    const fetched = await this.useCursor(result);
    if (fetched !== null) await this.#startRows(portal, fetched, rowLimit);
  }

  async #startRows(portal: Portal, result: RowsResult, rowLimit: number): Promise<void> {
    const { columns, rows } = result;
    try {
      const formats = resultFormats(portal.formatCodes, columns.length);
      const encoder = new RowEncoder(columns, formats, this.#session.textSettings);
      const state = { kind: "rows", rows, encoder, result } as const;
      portal.state = state;
      await this.#continue(portal, state, rowLimit);
    } catch (error) {
      rows.close();
      throw error;
    }
  }

  async #continue(
    portal: Portal,
    state: Extract<PortalState, { kind: "rows" }>,
    rowLimit: number,
  ): Promise<void> {
    const sent = await this.#output.rows(state.rows, state.encoder, Math.max(0, rowLimit));
    if (!sent.exhausted) {
      this.#output.writer.portalSuspended();
      return;
    }
    portal.state = { kind: "ended", result: state.result };
    this.#output.writer.commandComplete(state.result.tag(sent.count));
  }

  /** Remembers an error as the session's own. */
  #ask<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const failed = (error: unknown): never => {
      if (typeof error === "object" && error !== null) this.#ofSession.add(error);
      throw error;
    };
    try {
      const answer = work();
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  }

  /** Throws SqlError 25P02 in a block that has failed. */
  #refuseIfFailed(): void {
    if (this.#session.transactionStatus === "E") throw inFailedBlock();
  }

  /** Null: no rows. Those of a FETCH are its cursor's, if that is there. */
  #columnsOf({ columns, fetchesFrom }: PreparedStatement): PreparedStatement["columns"] {
    if (fetchesFrom === undefined) return columns;
    const cursor = this.#portals.find(fetchesFrom);
    return cursor === undefined ? null : columnsIn(cursor);
  }
}
