#!/usr/bin/env node
// Asks a real PostgreSQL what the regular expressions of the tests find, and writes it beside them.
// Usage: node scripts/record-regexp-answers.mjs CONNECTION-URL
import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";

const url = process.argv.at(2);
if (url === undefined) {
  process.stderr.write("usage: node scripts/record-regexp-answers.mjs CONNECTION-URL\n");
  process.exit(2);
}

const directory = new URL("../test/unit/sql/", import.meta.url);
const client = new pg.Client({ connectionString: url });
await client.connect();

/** All matches marked, the groups of the first, and what is between; or the error. */
async function answer(pattern, text, flags) {
  try {
    const { rows } = await client.query({
      text:
        "SELECT regexp_replace($1::text, $2::text, '<\\&>', $3 || 'g'), " +
        "regexp_match($1::text, $2::text, $3), regexp_split_to_array($1::text, $2::text, $3)",
      values: [text, pattern, flags],
      rowMode: "array",
    });
    return rows[0];
  } catch (error) {
    return [`${error.code} ${error.message}`];
  }
}

const lines = readFileSync(new URL("regular-expressions.cases.jsonl", directory), "utf8");
const answers = [];
for (const line of lines.split("\n").filter((text) => text !== "")) {
  const [pattern, text, flags = ""] = JSON.parse(line);
  answers.push(JSON.stringify(await answer(pattern, text, flags)));
}
writeFileSync(new URL("regular-expressions.fixture.jsonl", directory), `${answers.join("\n")}\n`);
await client.end();
