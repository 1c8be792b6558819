/** What one client of a simulated node sends, and what it has prepared. */
import type { PreparedStatement, Session } from "../../../../src/sql/database.ts";
import { SqlError } from "../../../../src/sql/errors.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";
import type { SimulatedNode } from "../../../support/simulated-node.ts";

export type Rows = readonly (readonly SqliteValue[])[];

const ROWS_MAX = 1_000;

/** Calls what it is given some time later, or never; answers with what stops that. */
export type Impatience = (giveUp: () => void) => () => void;

export class ClientConnection {
  readonly #session: Session;
  readonly #impatience: Impatience;
  readonly #prepared = new Map<string, PreparedStatement>();

  private constructor(session: Session, impatience: Impatience) {
    this.#session = session;
    this.#impatience = impatience;
  }

  /** `impatience`: how its client cancels statements. Rejects with SqlError if the node takes no clients now. */
  static async open(node: SimulatedNode, impatience: Impatience): Promise<ClientConnection> {
    const session = await node.database.connect({
      user: "synod",
      database: "synod",
      parameters: new Map(),
      processId: 1,
      remoteAddress: "simulated",
      terminate: () => undefined,
    });
    return new ClientConnection(session, impatience);
  }

  /** Whether no transaction is open. */
  get isIdle(): boolean {
    return this.#session.transactionStatus === "I";
  }

  /** One query that answers with no rows. */
  async say(text: string): Promise<void> {
    await this.query(text);
  }

  /** Ends the transaction; nobody gives this up. */
  async rollback(): Promise<void> {
    await this.#query("ROLLBACK");
  }

  /** The rows of each statement of one query. */
  query(text: string): Promise<readonly Rows[]> {
    return this.#patiently(() => this.#query(text));
  }

  /** A statement that is prepared once and executed with these parameters. */
  execute(text: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    return this.#patiently(() => this.#execute(text, parameters));
  }

  async #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const stop = this.#impatience(() => this.#session.cancel());
    try {
      return await work();
    } finally {
      stop();
    }
  }

  async #query(text: string): Promise<readonly Rows[]> {
    const all: Rows[] = [];
    for await (const result of this.#session.simpleQuery(text)) {
      all.push(result.kind === "rows" ? await result.rows.next(ROWS_MAX) : []);
      if (result.kind === "rows") result.rows.close();
    }
    return all;
  }

  async #execute(text: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    const known = this.#prepared.get(text);
    const statement = known ?? (await this.#session.prepare(text, []));
    this.#prepared.set(text, statement);
    const result = await this.#session.execute(statement, parameters, { syncFollows: true });
    return result.kind === "rows" ? result.rows.next(ROWS_MAX) : [];
  }
}

export function codeOf(error: unknown): string {
  return error instanceof SqlError ? error.sqlState : String(error);
}
