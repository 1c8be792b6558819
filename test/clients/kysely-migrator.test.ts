/** Kysely's migrator, which takes an advisory lock: at all nodes at once, and with a failure. */
import { Kysely, type Migration, Migrator, PostgresDialect, sql } from "kysely";
import { afterAll, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { everywhere } from "./ledger.ts";
import { poolOver } from "./pool-over-nodes.ts";

const cluster = testCluster();
const opened: Kysely<unknown>[] = [];

function kyselyAt(node: ClusterNode): Kysely<unknown> {
  const made = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOver([node], 2) }) });
  opened.push(made);
  return made;
}

afterAll(() => Promise.all(opened.map((made) => made.destroy())));

test("the migrator at all nodes at once: each migration runs once, a failing one leaves nothing", async () => {
  const migrations: Record<string, Migration> = {
    "1-pets": {
      up: async (schema) => {
        await schema.schema
          .createTable("pet")
          .addColumn("id", "serial", (column) => column.primaryKey())
          .addColumn("name", "varchar(60)", (column) => column.notNull().unique())
          .execute();
      },
      down: (schema) => schema.schema.dropTable("pet").execute(),
    },
    "2-first-pet": {
      up: async (schema) => {
        await sql`INSERT INTO pet (name) VALUES ('rex')`.execute(schema);
        await schema.schema.alterTable("pet").addColumn("age", "integer").execute();
      },
    },
  };
  const migratorAt = (node: ClusterNode, more: Record<string, Migration> = {}) =>
    new Migrator({
      db: kyselyAt(node),
      provider: { getMigrations: () => Promise.resolve({ ...migrations, ...more }) },
    });
  const results = await Promise.all(
    cluster.nodes.map((node) => migratorAt(node).migrateToLatest()),
  );
  expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  const ran = results.flatMap((result) => result.results ?? []);
  expect(ran.map(({ migrationName }) => migrationName).toSorted()).toEqual(Object.keys(migrations));
  expect(await everywhere(cluster, "SELECT name FROM pet")).toEqual(["rex"]);
  const failing: Migration = {
    up: async (schema) => {
      await sql`INSERT INTO pet (name) VALUES ('tom')`.execute(schema);
      await sql`ALTER TABLE pet ADD COLUMN age integer`.execute(schema);
    },
  };
  const failed = await migratorAt(cluster.node("n2"), { "3-twice": failing }).migrateToLatest();
  expect(failed.error).toMatchObject({ code: "42701" });
  expect(await everywhere(cluster, "SELECT name FROM pet")).toEqual(["rex"]);
  const down = await migratorAt(cluster.node("n3")).migrateTo("1-pets");
  expect(down.error).toBeUndefined();
});
