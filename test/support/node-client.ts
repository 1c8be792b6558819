/** A client's connection to a node of a cluster in one process. */
import type { Session } from "../../src/sql/database.ts";
import type { SqlError } from "../../src/sql/errors.ts";
import type { SqliteValue } from "../../src/sql/values.ts";
import type { NodeCluster } from "./node-cluster.ts";
import { noticesOf, runQuery } from "./session-answers.ts";

export class NodeClient {
  readonly #cluster: NodeCluster;
  readonly #session: Session;
  /** What the node ended the connection with. */
  readonly terminated: SqlError[];

  private constructor(cluster: NodeCluster, session: Session, terminated: SqlError[]) {
    this.#cluster = cluster;
    this.#session = session;
    this.terminated = terminated;
  }

  static async at(cluster: NodeCluster, name: string): Promise<NodeClient> {
    const terminated: SqlError[] = [];
    const session = await cluster.connect(name, { terminate: (error) => terminated.push(error) });
    return new NodeClient(cluster, session, terminated);
  }

  /** The first value of the last result. */
  async told(text: string): Promise<SqliteValue | undefined> {
    return (await this.#cluster.complete(runQuery(this.#session, text)))[0]?.[0];
  }

  async warned(text: string): Promise<readonly string[]> {
    const notices = await this.#cluster.complete(noticesOf(this.#session, text));
    return notices.map(({ message }) => message);
  }

  /** Sends it and does not wait; `isDone` says whether an answer has come. */
  send(text: string) {
    const sent = { isDone: false, answer: runQuery(this.#session, text) };
    const done = (): void => {
      sent.isDone = true;
    };
    sent.answer.then(done, done);
    return sent;
  }

  /** Sends it; an error is an answer as well. */
  async outcome(text: string): Promise<unknown> {
    return this.send(text).answer.catch((error: unknown) => error);
  }

  /** COPY FROM STDIN with this data. */
  async copy(text: string, data: string): Promise<void> {
    for await (const result of this.#session.simpleQuery(text)) {
      if (result.kind !== "copyIn") throw new Error(`${result.kind} is no COPY`);
      await result.intake.write(Buffer.from(data));
      await result.intake.finish();
    }
  }

  cancel(): void {
    this.#session.cancel();
  }

  close(): void {
    this.#session.close();
  }
}
