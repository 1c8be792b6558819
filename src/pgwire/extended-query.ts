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
  Deallocation,
  PreparedStatement,
  RowSource,
  RowsResult,
  Session,
  StatementResult,
} from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { BindMessage, CloseMessage, DescribeMessage, ParseMessage } from "./frontend.ts";
import { STATEMENTS_PER_CLIENT_MAX } from "./limits.ts";
import type { ClientOutput } from "./output.ts";
import { decodeParameters, describeFields, RowEncoder, resultFormats } from "./values.ts";

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
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #portals = new Map<string, Portal>();
  /** Errors that the session itself threw, so that it need not be told of them. */
  readonly #ofSession = new WeakSet<object>();

  constructor(session: Session, output: ClientOutput) {
    this.#session = session;
    this.#output = output;
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
    if (statement.columns !== null) resultFormats(formatCodes, statement.columns.length);
    const state: PortalState = { kind: "bound" };
    this.#portals.set(message.portal, { statement, parameters, formatCodes, state });
    this.#output.writer.bindComplete();
  }

  describe({ what, name }: DescribeMessage): void {
    const { writer } = this.#output;
    if (what === "statement") {
      const statement = this.#statement(name);
      writer.parameterDescription(statement.parameterTypes);
      if (statement.columns === null) writer.noData();
      else writer.rowDescription(describeFields(statement.columns));
      return;
    }
    const { statement, formatCodes } = this.#portal(name);
    if (statement.columns === null) {
      writer.noData();
      return;
    }
    const formats = resultFormats(formatCodes, statement.columns.length);
    writer.rowDescription(describeFields(statement.columns, formats));
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
    const source: RowSource = {
      next: (limit) => this.#ask(state.rows.next(limit)),
      close: () => {
        state.rows.close();
      },
    };
    const sent = await this.#output.rows(source, state.encoder, Math.max(0, rowLimit));
    if (!sent.exhausted) {
      this.#output.writer.portalSuspended();
      return;
    }
    portal.state = { kind: "ended", result: state.result };
    this.#output.writer.commandComplete(state.result.tag(sent.count));
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
