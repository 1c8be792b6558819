/** What one client of a simulated node sends, and what it has prepared. */
import type { PreparedStatement, Session } from "../../../../src/sql/database.ts";
import { SqlError } from "../../../../src/sql/errors.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";
import type { SimulatedNode } from "../../../support/simulated-node.ts";

export type Rows = readonly (readonly SqliteValue[])[];

const ROWS_MAX = 1_000;

export class ClientConnection {
  readonly #session: Session;
  readonly #prepared = new Map<string, PreparedStatement>();

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Rejects with SqlError if the node takes no clients now. */
  static async open(node: SimulatedNode): Promise<ClientConnection> {
    const session = await node.database.connect({
      user: "synod",
      database: "synod",
      parameters: new Map(),
      processId: 1,
      remoteAddress: "simulated",
      terminate: () => undefined,
    });
    return new ClientConnection(session);
  }

  /** Whether no transaction is open. */
  get isIdle(): boolean {
    return this.#session.transactionStatus === "I";
  }

  /** One query that answers with no rows. */
  async say(text: string): Promise<void> {
    await this.query(text);
  }

  /** The rows of each statement of one query. */
  async query(text: string): Promise<readonly Rows[]> {
    const all: Rows[] = [];
    for await (const result of this.#session.simpleQuery(text)) {
      all.push(result.kind === "rows" ? await result.rows.next(ROWS_MAX) : []);
      if (result.kind === "rows") result.rows.close();
    }
    return all;
  }

  /** A statement that is prepared once and executed with these parameters. */
  async execute(text: string, parameters: readonly SqliteValue[]): Promise<Rows> {
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
