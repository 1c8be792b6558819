/** One session at a cluster of one node, and what it answers, with time passing until it does. */
import { afterEach, beforeEach } from "vitest";
import type { PreparedStatement, Session } from "../../src/sql/database.ts";
import type { SqliteValue } from "../../src/sql/values.ts";
import { NodeCluster } from "./node-cluster.ts";
import { execute, failureOf, runQuery, tagsOf } from "./session-answers.ts";

/** Begins anew for each test that stands beside this call, and runs the set-up first. */
export function loneSession(...setUp: readonly string[]) {
  let cluster: NodeCluster;
  let session: Session;

  beforeEach(async () => {
    cluster = await NodeCluster.start({ nodes: 1 });
    session = await cluster.connect("n1");
    for (const text of setUp) await run(text);
  });

  afterEach(() => cluster.close());

  const run = (text: string) => cluster.complete(runQuery(session, text));
  const prepare = (text: string, types: readonly number[] = []) =>
    cluster.complete(session.prepare(text, types));
  const executed = (statement: PreparedStatement, parameters: readonly SqliteValue[] = []) =>
    cluster.complete(execute(session, statement, parameters));

  return {
    get cluster(): NodeCluster {
      return cluster;
    },
    get session(): Session {
      return session;
    },
    /** The rows of the last statement of a simple query. */
    run,
    /** The error of a simple query. */
    failure: (text: string) => failureOf(run(text)),
    /** The CommandComplete tags of a simple query. */
    tagsOf: (text: string) => cluster.complete(tagsOf(session, text)),
    /** Parse. */
    prepare,
    /** Execute and Sync. */
    execute: executed,
    /** Parse, under a name if there is one, Execute and Sync. */
    extended: async (text: string, parameters: readonly SqliteValue[] = [], name = "") => {
      const prepared = await prepare(text);
      if (name !== "") session.statements.add(name, prepared);
      return { prepared, ...(await executed(prepared, parameters)) };
    },
  };
}
