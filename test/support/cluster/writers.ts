/**
 * Clients that write without pause and remember what was acknowledged. Every write is two things
 * that cannot hide a loss or a repetition: a row under a key that is never used again, and one more
 * in the client's counter, whose new value the answer carries.
 */
import pg from "pg";
import { type ClusterNode, HOST } from "./cluster-node.ts";

/** An error at a client, with what the client may conclude. */
export interface WriteError {
  readonly sqlState: string;
  readonly message: string;
}

interface Written {
  /** Keys whose insertion was acknowledged. */
  readonly acknowledged: number[];
  /** Keys of which the outcome is not known. */
  readonly unknown: number[];
  /** The counter as last acknowledged, and additions that were not answered since. */
  counter: number;
  counterUnknown: number;
}

export const WRITERS_SCHEMA = `
  CREATE TABLE writes (client int, number int, PRIMARY KEY (client, number));
  CREATE TABLE counters (client int PRIMARY KEY, n int8 NOT NULL);`;

export class Writer {
  readonly #id: number;
  readonly #node: ClusterNode;
  readonly #written: Written = { acknowledged: [], unknown: [], counter: 0, counterUnknown: 0 };
  readonly errors: WriteError[] = [];
  /** When each acknowledgement came, milliseconds of performance.now(). */
  readonly acknowledgedAtMs: number[] = [];
  #next = 1;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(id: number, node: ClusterNode) {
    this.#id = id;
    this.#node = node;
  }

  get acknowledgedCount(): number {
    return this.acknowledgedAtMs.length;
  }

  /** Writes until `stop`, or until its connection is lost. */
  start(): void {
    this.#stopping = false;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Settles when it writes no more. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** What is wrong with what `client` finds; empty if nothing was lost and nothing ran twice. */
  async audit(client: pg.Client): Promise<readonly string[]> {
    const { rows } = await client.query<{ number: number }>(
      "SELECT number FROM writes WHERE client = $1",
      [this.#id],
    );
    const found = new Set(rows.map((row) => row.number));
    const { acknowledged, unknown, counter, counterUnknown } = this.#written;
    const lost = acknowledged.filter((number) => !found.has(number));
    const allowed = new Set([...acknowledged, ...unknown]);
    const invented = [...found].filter((number) => !allowed.has(number));
    const counted = await client.query<{ n: string }>("SELECT n FROM counters WHERE client = $1", [
      this.#id,
    ]);
    const n = Number(counted.rows[0]?.n ?? 0);
    const problems: string[] = [];
    if (lost.length > 0) problems.push(`client ${this.#id}: lost ${lost.join(", ")}`);
    if (invented.length > 0) problems.push(`client ${this.#id}: invented ${invented.join(", ")}`);
    if (n < counter || n > counter + counterUnknown) {
      problems.push(
        `client ${this.#id}: counts ${n}, not ${counter} (+ ${counterUnknown} unknown)`,
      );
    }
    return problems;
  }

  async #run(): Promise<void> {
    const client = connection(this.#node);
    // The statement that runs rejects as well; between two of them nothing is lost.
    client.on("error", () => undefined);
    try {
      await client.connect();
      while (!this.#stopping) await this.#write(client);
    } catch (error) {
      this.#note(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #write(client: pg.Client): Promise<void> {
    const number = this.#next;
    this.#next += 1;
    this.#written.unknown.push(number);
    await client.query("INSERT INTO writes VALUES ($1, $2)", [this.#id, number]);
    this.#written.unknown.pop();
    this.#written.acknowledged.push(number);
    this.acknowledgedAtMs.push(performance.now());
    this.#written.counterUnknown += 1;
    const { rows } = await client.query<{ n: string }>(
      "INSERT INTO counters VALUES ($1, 1) ON CONFLICT (client) DO UPDATE SET n = counters.n + 1 RETURNING n",
      [this.#id],
    );
    this.#checkCounter(Number(rows[0]?.n));
    this.acknowledgedAtMs.push(performance.now());
  }

  /** The answer is one more than the one before, or more by what stayed without an answer. */
  #checkCounter(n: number): void {
    const { counter, counterUnknown } = this.#written;
    if (n <= counter || n > counter + counterUnknown) {
      throw new Error(`the counter went from ${counter} to ${n} with ${counterUnknown} additions`);
    }
    this.#written.counter = n;
    this.#written.counterUnknown = 0;
  }

  #note(error: unknown): void {
    const sqlState = error instanceof pg.DatabaseError ? (error.code ?? "") : "";
    this.errors.push({ sqlState, message: String(error) });
  }
}

/** Not connected yet. */
export function connection(node: ClusterNode, database = "synod"): pg.Client {
  return new pg.Client({ host: HOST, port: node.ports.sql, user: "synod", database });
}

/** Runs `work` with a connection and closes it. */
export async function withClient<Result>(
  node: ClusterNode,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = connection(node);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What is wrong with the writers' rows, on each of these nodes. */
export async function auditAll(
  nodes: readonly ClusterNode[],
  writers: readonly Writer[],
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const node of nodes) {
    await withClient(node, async (client) => {
      for (const writer of writers) {
        const found = await writer.audit(client);
        problems.push(...found.map((problem) => `${node.name}: ${problem}`));
      }
    });
  }
  return problems;
}
