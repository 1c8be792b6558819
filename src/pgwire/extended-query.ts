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
import type {
  CommandResult,
  CursorResult,
  PreparedStatement,
  RowSource,
  RowsResult,
  Session,
  StatementResult,
} from "../sql/database.ts";
import type { CopyTransfer } from "./copy-transfer.ts";
import type { BindMessage, CloseMessage, DescribeMessage, ParseMessage } from "./frontend.ts";
import type { ClientOutput } from "./output.ts";
import { cannotRun, type Portal, type PortalState, Portals } from "./portals.ts";
import { decodeParameters, describeFields, RowEncoder, resultFormats } from "./values.ts";

/** How many rows MOVE takes at once. */
const MOVE_ROWS = 1000;

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
  /** Errors that the session itself threw, so that it need not be told of them. */
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
    statements.refuse(name);
    statements.add(name, await this.#ask(this.#session.prepare(text, parameterTypes)));
    this.#output.writer.parseComplete();
  }

  bind(message: BindMessage): void {
    const statement = this.#session.statements.get(message.statement);
    this.#portals.refuse(message.portal);
    const parameters = decodeParameters(
      message,
      statement.parameterTypes,
      this.#session.textSettings,
    );
    const formatCodes = message.resultFormats;
    const columns = this.#columnsOf(statement);
    if (columns !== null) resultFormats(formatCodes, columns.length);
    const state: PortalState = { kind: "bound" };
    this.#portals.open(message.portal, { statement, parameters, formatCodes, state });
    this.#output.writer.bindComplete();
  }

  describe({ what, name }: DescribeMessage): void {
    const { writer } = this.#output;
    if (what === "statement") {
      const statement = this.#session.statements.get(name);
      writer.parameterDescription(statement.parameterTypes);
      const columns = this.#columnsOf(statement);
      if (columns === null) writer.noData();
      else writer.rowDescription(describeFields(columns));
      return;
    }
    const { statement, formatCodes } = this.#portals.get(name);
    const columns = this.#columnsOf(statement);
    if (columns === null) {
      writer.noData();
      return;
    }
    const formats = resultFormats(formatCodes, columns.length);
    writer.rowDescription(describeFields(columns, formats));
  }

  /**
   * Runs a portal or goes on with it. `rowLimit` 0 or below: all rows. `syncFollows`: the client has
   * sent Sync right behind.
   */
  async execute(name: string, rowLimit: number, syncFollows = false): Promise<void> {
    const portal = this.#portals.get(name);
    const statusBefore = this.#session.transactionStatus;
    try {
      await this.#advance(portal, name, { rowLimit, syncFollows });
    } catch (error) {
      this.#portals.close(name);
      throw error;
    }
    if (statusBefore !== "I" && this.#session.transactionStatus === "I") this.closePortals();
  }

  close({ what, name }: CloseMessage): void {
    if (what === "statement") this.#session.statements.forget(name);
    else this.#portals.close(name);
    this.#output.writer.closeComplete();
  }

  /**
   * DECLARE, FETCH, MOVE or CLOSE. `formatCodes` null: a simple query, whose rows are text and announced
   * here. Throws 34000 if there is no such cursor, 42P03 if there is one.
   */
  async useCursor({ action }: CursorResult, formatCodes: readonly number[] | null): Promise<void> {
    const { writer } = this.#output;
    switch (action.kind) {
      case "declare":
        this.#portals.declare(action.name, action.result, this.#session.textSettings);
        writer.commandComplete("DECLARE CURSOR");
        break;
      case "fetch":
        await this.#fetch(action.name, action.rowsMax, formatCodes);
        break;
      case "move":
        writer.commandComplete(`MOVE ${await this.#move(action.name, action.rowsMax)}`);
        break;
      case "close":
        if (action.name === null) this.closePortals();
        else {
          this.#portals.cursor(action.name);
          this.#portals.close(action.name);
        }
        writer.commandComplete(action.name === null ? "CLOSE CURSOR ALL" : "CLOSE CURSOR");
        break;
      default:
        unreachable(action);
    }
  }

  /** Answers a statement without rows. */
  command({ tag, savepoint }: CommandResult): void {
    if (savepoint !== undefined) this.#portals.atSavepoint(savepoint);
    this.#output.writer.commandComplete(tag);
  }

  /** A simple query takes the place of the unnamed statement. */
  forgetUnnamedStatement(): void {
    this.#session.statements.forget("");
  }

  /** The transaction has ended, or the session. */
  closePortals(): void {
    this.#portals.closeAll();
  }

  async #fetch(
    name: string,
    rowsMax: number | null,
    formatCodes: readonly number[] | null,
  ): Promise<void> {
    const { writer } = this.#output;
    const portal = this.#portals.cursor(name);
    const columns = portal.statement.columns ?? [];
    if (formatCodes === null) writer.rowDescription(describeFields(columns));
    let count = 0;
    if (portal.state.kind === "rows") {
      const { result, rows } = portal.state;
      const formats = resultFormats(formatCodes ?? [], columns.length);
      const encoder = new RowEncoder(columns, formats, this.#session.textSettings);
      const sent = await failing(
        portal,
        this.#output.rows(this.#asking(rows), encoder, rowsMax ?? 0),
      );
      if (sent.exhausted) portal.state = { kind: "ended", result };
      count = sent.count;
    }
    writer.commandComplete(`FETCH ${count}`);
  }

  async #move(name: string, rowsMax: number | null): Promise<number> {
    const portal = this.#portals.cursor(name);
    if (portal.state.kind !== "rows") return 0;
    const { result, rows } = portal.state;
    let count = 0;
    while (rowsMax === null || count < rowsMax) {
      const left = rowsMax === null ? MOVE_ROWS : Math.min(MOVE_ROWS, rowsMax - count);
      const page = await failing(portal, this.#ask(rows.next(left)));
      if (page.length === 0) {
        portal.state = { kind: "ended", result };
        break;
      }
      count += page.length;
    }
    return count;
  }

  async #advance(portal: Portal, name: string, wanted: Execution): Promise<void> {
    const { state } = portal;
    switch (state.kind) {
      case "bound":
        await this.#start(portal, wanted);
        break;
      case "rows":
        await this.#continue(portal, state, wanted.rowLimit);
        break;
      case "ended":
        this.#output.writer.commandComplete(state.result.tag(0));
        break;
      case "ran":
      case "failed":
        throw cannotRun(name);
      default:
        unreachable(state);
    }
  }

  async #start(portal: Portal, { rowLimit, syncFollows }: Execution): Promise<void> {
    const { statement, parameters } = portal;
    const result: StatementResult = await this.#ask(
      this.#session.execute(statement, parameters, { syncFollows }),
    );
    this.#output.notices(result.notices);
    switch (result.kind) {
      case "rows":
        await this.#startRows(portal, result, rowLimit);
        break;
      case "command":
        portal.state = { kind: "ran" };
        this.command(result);
        break;
      case "cursor":
        portal.state = { kind: "ran" };
        await this.useCursor(result, portal.formatCodes);
        break;
      case "copyIn":
        portal.state = { kind: "ran" };
        await this.#copies.receive(result);
        break;
      case "copyOut":
        portal.state = { kind: "ran" };
        await this.#copies.send(
          { ...result, rows: this.#asking(result.rows) },
          this.#session.textSettings,
        );
        break;
      case "empty":
        this.#output.writer.emptyQueryResponse();
        break;
      default:
        unreachable(result);
    }
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
    const source = this.#asking(state.rows);
    const sent = await this.#output.rows(source, state.encoder, Math.max(0, rowLimit));
    if (!sent.exhausted) {
      this.#output.writer.portalSuspended();
      return;
    }
    portal.state = { kind: "ended", result: state.result };
    this.#output.writer.commandComplete(state.result.tag(sent.count));
  }

  /** Rows whose errors are remembered as the session's own. */
  #asking(rows: RowSource): RowSource {
    return {
      next: (limit) => this.#ask(rows.next(limit)),
      close: () => {
        rows.close();
      },
    };
  }

  /** Remembers an error as the session's own. */
  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (typeof error === "object" && error !== null) this.#ofSession.add(error);
      throw error;
    }
  }

  /** Null: no rows. Those of a FETCH are its cursor's, if that is there. */
  #columnsOf({ columns, fetchesFrom }: PreparedStatement): PreparedStatement["columns"] {
    if (fetchesFrom === undefined) return columns;
    return this.#portals.find(fetchesFrom)?.statement.columns ?? null;
  }
}

/** A cursor that has met an error is of no more use, also where ROLLBACK TO brings its transaction back. */
async function failing<Result>(cursor: Portal, work: Promise<Result>): Promise<Result> {
  const { state } = cursor;
  try {
    return await work;
  } catch (error) {
    if (state.kind === "rows") state.rows.close();
    cursor.state = { kind: "failed" };
    throw error;
  }
}
