#!/usr/bin/env node
// Asks a real PostgreSQL what it makes of the COPY statements and data of the tests, and writes it beside
// them. Usage: node scripts/record-copy-answers.mjs CONNECTION-URL
import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";

const url = process.argv.at(2);
if (url === undefined) {
  process.stderr.write("usage: node scripts/record-copy-answers.mjs CONNECTION-URL\n");
  process.exit(2);
}

const directory = new URL("../test/unit/sql/", import.meta.url);
// Every value as the server's text.
const asText = { getTypeParser: () => (value) => value };
const client = new pg.Client({ connectionString: url, types: asText });
await client.connect();
await client.query("SET TimeZone = 'UTC'");
// PostgreSQL's superuser may copy files; everybody else is refused.
await client.query("DROP SCHEMA public CASCADE; DROP ROLE IF EXISTS other; CREATE ROLE other");
await client.query("CREATE SCHEMA public");

/** A COPY as pg's client performs it: the data is sent when the server asks for it. */
class Copy {
  constructor(text, data, settle) {
    this.text = text;
    this.data = data;
    this.settle = settle;
    this.answer = {};
  }

  submit(connection) {
    connection.query(this.text);
  }

  handleCopyInResponse(connection) {
    connection.sendCopyFromChunk(this.data);
    connection.endCopyFrom();
  }

  handleCopyData({ chunk }) {
    this.answer.output = (this.answer.output ?? "") + chunk.toString();
  }

  handleRowDescription() {}

  handleDataRow() {}

  handleCommandComplete({ text }) {
    this.answer.tag = text;
  }

  handleError({ code, message, hint, where, position }) {
    const told = { code, message, hint, context: where, position };
    this.answer.error = Object.fromEntries(Object.entries(told).filter(([, value]) => value));
    this.settle(this.answer);
  }

  handleReadyForQuery() {
    this.settle(this.answer);
  }
}

async function answerTo({ setup, copy, data = "", hex }) {
  await client.query("RESET ROLE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  await client.query("GRANT ALL ON SCHEMA public TO other");
  await client.query(setup);
  const bytes = hex === undefined ? Buffer.from(data) : Buffer.from(hex, "hex");
  const answer = await new Promise((resolve) => {
    client.query(new Copy(copy, bytes, resolve));
  });
  if (answer.tag === undefined || answer.output !== undefined) return answer;
  const { rows } = await client.query({ text: "SELECT * FROM t", rowMode: "array" });
  return { ...answer, rows };
}

const lines = [];
for (const line of readFileSync(new URL("copy.cases.jsonl", directory), "utf8").split("\n")) {
  if (line !== "")
    lines.push(
      JSON.stringify({ copy: JSON.parse(line).copy, ...(await answerTo(JSON.parse(line))) }),
    );
}
writeFileSync(new URL("copy.fixture.jsonl", directory), `${lines.join("\n")}\n`);
await client.end();
