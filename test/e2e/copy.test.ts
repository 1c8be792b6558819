/** Data in and out as lines, by the programs that people use for it: psql's \copy and scripts, pgbench -i. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { HOST } from "../support/cluster/cluster-node.ts";
import { runProgram } from "../support/cluster/program.ts";
import { psql, psqlRows } from "../support/cluster/psql.ts";

const PGBENCH_MS_MAX = 60_000;
const ROWS = 30_000;

const cluster = testCluster();
const files: string[] = [];

function file(name: string): string {
  const path = join(tmpdir(), `synod-copy-${process.pid}-${name}`);
  files.push(path);
  return path;
}

async function command(sql: string, at = "n2"): Promise<string> {
  const { stdout, stderr, code } = await psql(cluster.node(at), ["-c", sql]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout.trim();
}

afterAll(() => Promise.all(files.map((path) => rm(path, { force: true }))));

describe("psql", () => {
  beforeAll(async () => {
    await command("CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(8,2))");
  });

  test("\\copy takes a file of many chunks, and gives the same one back on every node", async () => {
    const lines = Array.from({ length: ROWS }, (_, at) => {
      const name = at % 7 === 0 ? "\\N" : `tab\\t${"ä".repeat(30)} ${at}`;
      return `${at}\t${name}\t${(at / 4).toFixed(2)}\n`;
    });
    const given = file("given.txt");
    await writeFile(given, lines.join(""));
    expect(await command(`\\copy item FROM '${given}'`)).toBe(`COPY ${ROWS}`);
    for (const node of cluster.nodes) {
      const got = file(`${node.name}.txt`);
      const query = "SELECT * FROM item ORDER BY id";
      expect(await command(`\\copy (${query}) TO '${got}'`, node.name)).toBe(`COPY ${ROWS}`);
      expect(await readFile(got, "utf8")).toBe(lines.join(""));
    }
  });

  test("\\copy says where a CSV file is wrong, and leaves nothing of it", async () => {
    const given = file("wrong.csv");
    await writeFile(given, 'id,name,price\n100001,"a, b",1\n100002,c,cheap\n');
    const text = `\\copy item FROM '${given}' CSV HEADER`;
    const { code, stderr } = await psql(cluster.node("n1"), ["-c", text]);
    expect(code).toBe(1);
    expect(stderr).toContain('ERROR:  invalid input syntax for type numeric: "cheap"');
    expect(stderr).toContain('CONTEXT:  COPY item, line 3, column price: "cheap"');
    expect(await psqlRows(cluster.node("n3"), "SELECT count(*) FROM item")).toEqual([`${ROWS}`]);
  });

  test("a script with data between its statements, as pg_dump writes it", async () => {
    const script = `
      SET client_min_messages = warning;
      SELECT pg_catalog.set_config('search_path', '', false);
      SET row_security = off;
      CREATE TABLE part (id integer NOT NULL, label character varying(20), made date);
      COPY public.part (id, label, made) FROM stdin;
1	wheel	2024-02-29
2	\\N	\\N
3	back\\\\slash	1999-12-31
\\.
      ALTER TABLE ONLY part ADD CONSTRAINT part_pkey PRIMARY KEY (id);
      COPY part TO STDOUT;`;
    const { code, stdout, stderr } = await psql(cluster.node("n1"), ["-q", "-1", "-f", "-"], {
      stdin: script,
    });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = "1\twheel\t2024-02-29\n2\t\\N\t\\N\n3\tback\\\\slash\t1999-12-31\n";
    expect(stdout.slice(-lines.length)).toBe(lines);
  });
});

test(
  "pgbench -i fills its tables by COPY, and its transactions run on them",
  async () => {
    const node = cluster.node("n3");
    const connection = ["-h", HOST, "-p", String(node.ports.sql), "-U", "synod"];
    const filled = await runProgram("pgbench", [...connection, "-i", "-s", "1", "synod"]);
    expect(filled.code).toBe(0);
    expect(filled.stderr).toContain("client-side generate");
    const counted = "SELECT count(*), sum(aid), min(bid), max(bid) FROM pgbench_accounts";
    for (const each of cluster.nodes) {
      expect(await psqlRows(each, counted)).toEqual(["100000|5000050000|1|1"]);
    }
    const measured = await runProgram("pgbench", [...connection, "-n", "-t", "5", "synod"]);
    expect(measured.stdout).toContain("number of transactions actually processed: 5/5");
  },
  PGBENCH_MS_MAX,
);
