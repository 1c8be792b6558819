/**
 * `npm run isolation -- CONNECTION-URL`: has every case performed by a PostgreSQL 15, as it is written
 * and in every serial order, and writes the answers and the tables of docs/isolation.md. The database
 * must be a scratch one: its schema `public` is dropped. Without a URL only the tables are written.
 */
import pg from "pg";
import { ALL_CASES } from "./cases/all-cases.ts";
import type { IsolationCase } from "./isolation-case.ts";
import { writePage } from "./isolation-page.ts";
import { outcomeOf } from "./outcome.ts";
import { type Connect, type Performer, perform } from "./perform.ts";
import {
  type PostgresAnswers,
  readPostgresAnswers,
  writePostgresAnswers,
} from "./postgres-answers.ts";
import { serialAnswers } from "./serial-performance.ts";

const OPTIONS = "-c default_transaction_isolation=serializable -c deadlock_timeout=100ms";

const connectionString = process.argv[2];
if (connectionString !== undefined) await record(connectionString);
writePage(readPostgresAnswers());

async function record(url: string): Promise<void> {
  const director = new pg.Client({ connectionString: url });
  await director.connect();
  try {
    const answers: PostgresAnswers[] = [];
    for (const story of ALL_CASES) {
      process.stdout.write(`${story.name}\n`);
      answers.push(await recordCase(story, director, url));
    }
    writePostgresAnswers(answers);
  } finally {
    await director.end();
  }
}

async function recordCase(
  story: IsolationCase,
  director: pg.Client,
  url: string,
): Promise<PostgresAnswers> {
  const setUp = () =>
    director.query(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${story.setup}`);
  const connect: Connect = () => connectPerformer(director, url);
  await setUp();
  const concurrent = await perform(story, connect);
  const serial = await serialAnswers(story, connect, setUp);
  const { name, script, setup } = story;
  return { name, script, setup, concurrent, serial };
}

async function connectPerformer(director: pg.Client, url: string): Promise<Performer> {
  const client = new pg.Client({ connectionString: url, options: OPTIONS });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return {
    run: (statement) => outcomeOf(client, statement),
    isBlocked: async () => {
      const { rows: answer } = await director.query<{ blocked: boolean }>(
        `SELECT pg_blocking_pids($1) <> '{}' OR pg_safe_snapshot_blocking_pids($1) <> '{}' AS blocked`,
        [rows[0]?.pid],
      );
      return answer[0]?.blocked ?? false;
    },
    end: () => client.end(),
  };
}
