/**
 * Goal: a real data set, as its project publishes it for PostgreSQL, loads unchanged and is the same
 * everywhere. Method: psql runs both files against a follower; each node, and one that joins
 * afterwards, is asked for row counts and three joins, whose answers are PostgreSQL 15's.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { psql, psqlRows } from "../support/cluster/psql.ts";

const DATA = fileURLToPath(new URL("../../../shared/data/chinook/", import.meta.url));
const LOAD_MS_MAX = 90_000;
const JOIN_MS_MAX = 40_000;

const ROW_COUNTS: Readonly<Record<string, number>> = {
  album: 347,
  artist: 275,
  customer: 59,
  employee: 8,
  genre: 25,
  invoice: 412,
  invoice_line: 2240,
  media_type: 5,
  playlist: 18,
  playlist_track: 8715,
  track: 3503,
};

const JOINS: readonly (readonly [string, readonly string[]])[] = [
  [
    `SELECT a.name, count(*), sum(t.milliseconds)
     FROM artist a JOIN album b ON b.artist_id = a.artist_id JOIN track t ON t.album_id = b.album_id
     GROUP BY a.artist_id, a.name ORDER BY 2 DESC, 1 LIMIT 5`,
    [
      "Iron Maiden|213|71844745",
      "U2|135|35421983",
      "Led Zeppelin|114|40121414",
      "Metallica|112|38916130",
      "Deep Purple|92|32259613",
    ],
  ],
  [
    `SELECT c.country, count(DISTINCT c.customer_id), sum(l.unit_price * l.quantity)
     FROM customer c JOIN invoice i USING (customer_id) JOIN invoice_line l USING (invoice_id)
     GROUP BY c.country ORDER BY 3 DESC, 1 LIMIT 5`,
    ["USA|13|523.06", "Canada|8|303.96", "France|5|195.10", "Brazil|5|190.10", "Germany|4|156.48"],
  ],
  [
    `SELECT e.last_name, m.last_name AS boss, count(c.customer_id)
     FROM employee e LEFT JOIN employee m ON e.reports_to = m.employee_id
     LEFT JOIN customer c ON c.support_rep_id = e.employee_id
     GROUP BY e.employee_id, e.last_name, m.last_name ORDER BY e.employee_id`,
    [
      "Adams||0",
      "Edwards|Adams|0",
      "Peacock|Edwards|21",
      "Park|Edwards|20",
      "Johnson|Edwards|18",
      "Mitchell|Adams|0",
      "King|Mitchell|0",
      "Callahan|Mitchell|0",
    ],
  ],
];

const DATABASES = ["chinook_serial", "chinook"];

async function expectChinook(node: ClusterNode, database: string): Promise<void> {
  const tables = Object.keys(ROW_COUNTS);
  const counts = tables.map((table) => `SELECT '${table}', count(*) FROM ${table}`);
  const found = await psqlRows(node, `${counts.join(" UNION ALL ")} ORDER BY 1`, database);
  expect(found).toEqual(tables.map((table) => `${table}|${ROW_COUNTS[table]}`));
  for (const [sql, rows] of JOINS) expect(await psqlRows(node, sql, database)).toEqual(rows);
}

describe.skipIf(!existsSync(DATA))("the Chinook data set", () => {
  const cluster = testCluster({ flags: ["--snapshot-entries", "40"] });

  test.each([
    ["chinook_serial", "chinook_pg_serial.sql"],
    ["chinook", "chinook_pg.sql"],
  ])(
    "%s loads unchanged through psql on a follower, and every node answers the same",
    async (database, file) => {
      const [follower] = await cluster.followers();
      if (follower === undefined) throw new Error("a follower was expected");
      const startedMs = performance.now();
      const loaded = await psql(follower, ["-q", "-f", `${DATA}${file}`]);
      expect(loaded.stderr.replace(/.*NOTICE: .*\n/g, "")).toBe("");
      expect(loaded.code).toBe(0);
      process.stdout.write(`${database}: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
      for (const node of cluster.nodes) await expectChinook(node, database);
      await cluster.commonHash();
    },
    LOAD_MS_MAX,
  );

  test("a fourth node that joins has all of it and gets a vote", async () => {
    const startedMs = performance.now();
    const joined = await cluster.join("n4");
    await eventually("n4 is a voter", JOIN_MS_MAX, async () => {
      const { members } = await (await cluster.leader()).status();
      return members.some(({ id, voter }) => id === "n4" && voter);
    });
    await joined.ready();
    process.stdout.write(`join to vote: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
    for (const database of DATABASES) await expectChinook(joined, database);
    await cluster.commonHash();
  });
});
