#!/usr/bin/env node
// Asks a real PostgreSQL for the answers that the tests of the SQL translator compare with, and
// writes them beside the questions. Usage: node scripts/record-postgres-answers.mjs CONNECTION-URL
import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";

const url = process.argv.at(2);
if (url === undefined) {
  process.stderr.write("usage: node scripts/record-postgres-answers.mjs CONNECTION-URL\n");
  process.exit(2);
}

const directory = new URL("../test/unit/sql/", import.meta.url);
// Every value as the server's text.
const asText = { getTypeParser: () => (value) => value };
const client = new pg.Client({ connectionString: url, types: asText });
await client.connect();
await client.query("SET TimeZone = 'UTC'");

const escape = (text) =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");

/** One line: the expression, "value", "null" or "error", and the text, the type or the SQLSTATE. */
async function answer(expression) {
  try {
    const { rows, fields } = await client.query({
      text: `SELECT ${expression} AS x`,
      rowMode: "array",
    });
    const [value] = rows[0] ?? [];
    const typeOid = String(fields[0].dataTypeID);
    return value === null || value === undefined
      ? ["null", "", typeOid]
      : ["value", escape(String(value)), typeOid];
  } catch (error) {
    return ["error", error.code, ""];
  }
}

/** One JSON line: the statement with its columns and rows as text, or with its SQLSTATE. */
async function outcome(statement) {
  try {
    const { rows, fields } = await client.query({ text: statement, rowMode: "array" });
    const columns = fields.map(({ name, dataTypeID }) => [name, dataTypeID]);
    return { statement, columns, rows };
  } catch (error) {
    return { statement, error: error.code };
  }
}

function linesOf(name) {
  const text = readFileSync(new URL(name, directory), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

const answers = [];
for (const expression of linesOf("expressions.txt")) {
  answers.push([expression, ...(await answer(expression))].join("\t"));
}
writeFileSync(new URL("expressions.fixture.tsv", directory), `${answers.join("\n")}\n`);

// The statements build on one another, in a database of their own.
await client.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
const outcomes = [];
for (const statement of linesOf("statements.txt")) {
  outcomes.push(JSON.stringify(await outcome(statement)));
}
writeFileSync(new URL("statements.fixture.jsonl", directory), `${outcomes.join("\n")}\n`);
await client.end();
