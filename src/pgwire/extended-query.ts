/**
 * The extended query protocol of one client: prepared statements and portals.
 *
 * A portal's states:
 *
 *   Bind ──► bound ──Execute──► rows ──Execute (all rows taken)──► ended
 *              │                 └──Execute (row limit): PortalSuspended, stays in rows
 *              └──Execute (no rows)──► ran: cannot be run again
 *
 * Portals are closed by Close, by a Bind to the same name (the unnamed one only), by an error
 * while they run, and with the transaction.
 */
import { unreachable } from "../base/assert.ts";
import type {
  CursorResult,
  Deallocation,
  PreparedStatement,
  RowSource,
  RowsResult,
  Session,
  StatementResult,
} from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { CopyTransfer } from "./copy-transfer.ts";
import type { BindMessage, CloseMessage, DescribeMessage, ParseMessage } from "./frontend.ts";
import { STATEMENTS_PER_CLIENT_MAX } from "./limits.ts";
import type { ClientOutput } from "./output.ts";
import { decodeParameters, describeFields, RowEncoder, resultFormats } from "./values.ts";

/** How many rows MOVE takes at once. */
const MOVE_ROWS = 1000;

interface Portal {
  readonly statement: PreparedStatement;
  readonly parameters: readonly SqliteValue[];
  readonly formatCodes: readonly number[];
  state: PortalState;
}

/** What Execute asked for. */
interface Execution {
  readonly rowLimit: number;
  readonly syncFollows: boolean;
}

type PortalState =
  | { readonly kind: "bound" }
  | {
      readonly kind: "rows";
      readonly rows: RowSource;
      readonly encoder: RowEncoder;
      readonly result: RowsResult;
    }
  | { readonly kind: "ended"; readonly result: RowsResult }
  | { readonly kind: "ran" };

export class ExtendedQuery {
  readonly #session: Session;
  readonly #output: ClientOutput;
  readonly #copies: CopyTransfer;
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #portals = new Map<string, Portal>();
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
    if (name === "") this.#statements.delete("");
    else if (this.#statements.has(name)) {
      throw new SqlError("42P05", `prepared statement "${name}" already exists`);
    }
    checkCount(this.#statements, "prepared statements");
    this.#statements.set(name, await this.#ask(this.#session.prepare(text, parameterTypes)));
    this.#output.writer.parseComplete();
  }

  bind(message: BindMessage): void {
    const statement = this.#statement(message.statement);
    if (message.portal !== "" && this.#portals.has(message.portal)) {
      throw new SqlError("42P03", `cursor "${message.portal}" already exists`);
    }
    this.#closePortal(message.portal);
    checkCount(this.#portals, "portals");
    const parameters = decodeParameters(
      message,
      statement.parameterTypes,
      this.#session.textSettings,
    );
    const formatCodes = message.resultFormats;
    const columns = this.#columnsOf(statement);
    if (columns !== null) resultFormats(formatCodes, columns.length);
    const state: PortalState = { kind: "bound" };
    this.#portals.set(message.portal, { statement, parameters, formatCodes, state });
    this.#output.writer.bindComplete();
  }

  describe({ what, name }: DescribeMessage): void {
    const { writer } = this.#output;
    if (what === "statement") {
      const statement = this.#statement(name);
      writer.parameterDescription(statement.parameterTypes);
      const columns = this.#columnsOf(statement);
      if (columns === null) writer.noData();
      else writer.rowDescription(describeFields(columns));
      return;
    }
    const { statement, formatCodes } = this.#portal(name);
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
    const portal = this.#portal(name);
    const statusBefore = this.#session.transactionStatus;
    try {
      await this.#advance(portal, name, { rowLimit, syncFollows });
    } catch (error) {
      this.#closePortal(name);
      throw error;
    }
    if (statusBefore !== "I" && this.#session.transactionStatus === "I") this.closePortals();
  }

  close({ what, name }: CloseMessage): void {
    if (what === "statement") this.#statements.delete(name);
    else this.#closePortal(name);
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
        this.#declare(action.name, action.result);
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
          this.#cursor(action.name);
          this.#closePortal(action.name);
        }
        writer.commandComplete(action.name === null ? "CLOSE CURSOR ALL" : "CLOSE CURSOR");
        break;
      default:
        unreachable(action);
    }
  }

  /** DEALLOCATE: throws 26000 if there is none of that name. */
  deallocate(what: Deallocation): void {
    if (what === "all") this.#statements.clear();
    else {
      this.#statement(what.name);
      this.#statements.delete(what.name);
    }
  }

  /** A simple query takes the place of the unnamed statement. */
  forgetUnnamedStatement(): void {
    this.#statements.delete("");
  }

  /** The transaction has ended, or the session. */
  closePortals(): void {
    for (const name of this.#portals.keys()) this.#closePortal(name);
  }

  #declare(name: string, result: RowsResult): void {
    const { columns, rows } = result;
    try {
      if (this.#portals.has(name)) throw new SqlError("42P03", `cursor "${name}" already exists`);
      checkCount(this.#portals, "portals");
      const formats = resultFormats([], columns.length);
      const encoder = new RowEncoder(columns, formats, this.#session.textSettings);
      const statement = { text: "", parameterTypes: [], columns };
      const state = { kind: "rows", rows, encoder, result } as const;
      this.#portals.set(name, { statement, parameters: [], formatCodes: [], state });
    } catch (error) {
      rows.close();
      throw error;
    }
  }

  async #fetch(
    name: string,
    rowsMax: number | null,
    formatCodes: readonly number[] | null,
  ): Promise<void> {
    const { writer } = this.#output;
    const portal = this.#cursor(name);
    const columns = portal.statement.columns ?? [];
    if (formatCodes === null) writer.rowDescription(describeFields(columns));
    let count = 0;
    if (portal.state.kind === "rows") {
      const { result, rows } = portal.state;
      const formats = resultFormats(formatCodes ?? [], columns.length);
      const encoder = new RowEncoder(columns, formats, this.#session.textSettings);
      const sent = await this.#output.rows(this.#asking(rows), encoder, rowsMax ?? 0);
      if (sent.exhausted) portal.state = { kind: "ended", result };
      count = sent.count;
    }
    writer.commandComplete(`FETCH ${count}`);
  }

  async #move(name: string, rowsMax: number | null): Promise<number> {
    const portal = this.#cursor(name);
    if (portal.state.kind !== "rows") return 0;
    const { result, rows } = portal.state;
    let count = 0;
    while (rowsMax === null || count < rowsMax) {
      const left = rowsMax === null ? MOVE_ROWS : Math.min(MOVE_ROWS, rowsMax - count);
      const page = await this.#ask(rows.next(left));
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
        throw new SqlError("55000", `portal "${name}" cannot be run`);
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
        if (result.deallocates !== undefined) this.deallocate(result.deallocates);
        this.#output.writer.commandComplete(result.tag);
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

  #statement(name: string): PreparedStatement {
    const statement = this.#statements.get(name);
    if (statement !== undefined) return statement;
    throw new SqlError(
      "26000",
      name === ""
        ? "unnamed prepared statement does not exist"
        : `prepared statement "${name}" does not exist`,
    );
  }

  /** Null: no rows. Those of a FETCH are its cursor's, if that is there. */
  #columnsOf({ columns, fetchesFrom }: PreparedStatement): PreparedStatement["columns"] {
    if (fetchesFrom === undefined) return columns;
    return this.#portals.get(fetchesFrom)?.statement.columns ?? null;
  }

  /** A portal that hands out rows, or has done so. */
  #cursor(name: string): Portal {
    const portal = this.#portals.get(name);
    if (portal?.state.kind === "rows" || portal?.state.kind === "ended") return portal;
    throw new SqlError("34000", `cursor "${name}" does not exist`);
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name);
    if (portal === undefined) throw new SqlError("34000", `portal "${name}" does not exist`);
    return portal;
  }

  #closePortal(name: string): void {
    const portal = this.#portals.get(name);
    if (portal?.state.kind === "rows") portal.state.rows.close();
    this.#portals.delete(name);
  }
}

function checkCount(existing: ReadonlyMap<string, unknown>, what: string): void {
  if (existing.size >= STATEMENTS_PER_CLIENT_MAX) {
    throw new SqlError("54000", `too many ${what}: the limit is ${STATEMENTS_PER_CLIENT_MAX}`);
  }
}
