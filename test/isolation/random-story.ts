/** Stories that nobody thought of: a few transactions over small tables, their steps shuffled. */
import type { Random } from "../../src/base/random.ts";
import type { IsolationCase } from "./isolation-case.ts";

const SETUP = `
  DROP TABLE IF EXISTS item, taken, child, parent, fresh;
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL CHECK (v < 1000));
  CREATE INDEX item_v ON item (v);
  CREATE TABLE taken (key text PRIMARY KEY, note text);
  CREATE TABLE parent (id int PRIMARY KEY);
  CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL REFERENCES parent (id));
  INSERT INTO item VALUES (1, 10), (2, 20), (3, 30);
  INSERT INTO parent VALUES (1), (2);
  INSERT INTO child VALUES (1, 1)`;

const FINAL = `
  SELECT (SELECT string_agg(id || '=' || v, ' ' ORDER BY id) FROM item),
    (SELECT string_agg(key || '=' || note, ' ' ORDER BY key) FROM taken),
    (SELECT string_agg(id::text, ' ' ORDER BY id) FROM parent),
    (SELECT string_agg(id || '>' || parent, ' ' ORDER BY id) FROM child)`;

/** @ is an id, # a value, $ a key. */
const STATEMENTS = [
  "SELECT v FROM item WHERE id = @",
  "SELECT sum(v), count(*) FROM item",
  "SELECT id FROM item WHERE v > #",
  "SELECT max(v) FROM item",
  "SELECT id FROM item ORDER BY v DESC, id LIMIT 1 FOR UPDATE",
  "SELECT note FROM taken WHERE key = '$'",
  "SELECT p.id, c.id FROM parent p LEFT JOIN child c ON c.parent = p.id",
  "SELECT 1 / (SELECT count(*) FROM taken)",
  "DECLARE c@ CURSOR FOR SELECT id, v FROM item ORDER BY id",
  "FETCH 2 FROM c@",
  "UPDATE item SET v = v + 1 WHERE id = @",
  "UPDATE item SET v = v + 1",
  "UPDATE item SET v = v * 2 WHERE v > # RETURNING id, v",
  "UPDATE item SET v = (SELECT sum(v) FROM item) WHERE id = @",
  "UPDATE item SET v = # WHERE id = @ RETURNING v",
  "UPDATE parent SET id = id + 10 WHERE id = @",
  "INSERT INTO item VALUES (@, #)",
  "INSERT INTO item SELECT @ + 3, count(*) FROM item",
  "INSERT INTO item VALUES (@, #) ON CONFLICT DO NOTHING",
  "INSERT INTO item VALUES (@, 1) ON CONFLICT (id) DO UPDATE SET v = item.v + excluded.v RETURNING v",
  "INSERT INTO taken VALUES ('$', '#')",
  "INSERT INTO taken SELECT 'k', '#' WHERE NOT EXISTS (SELECT 1 FROM taken)",
  "INSERT INTO parent VALUES (@)",
  "INSERT INTO child VALUES (@, @)",
  "DELETE FROM item WHERE id = @",
  "DELETE FROM item WHERE v < # RETURNING id",
  "DELETE FROM parent WHERE id = @",
  "TRUNCATE taken",
  "ALTER TABLE taken ADD COLUMN extra int",
  "ALTER TABLE taken RENAME COLUMN note TO remark",
  "CREATE TABLE fresh (n int)",
  "INSERT INTO fresh VALUES (#)",
  "DROP TABLE IF EXISTS fresh",
  "DROP INDEX item_v",
];

/** Two or three transactions of one to four statements, with savepoints here and there. */
export function randomStory(random: Random, name: string): IsolationCase {
  const letters = ["a", "b", "c"].slice(0, 2 + random.below(2));
  const waiting = letters.map((letter) =>
    transaction(random).map((statement) => `${letter}: ${statement}`),
  );
  const script: string[] = [];
  for (let open = waiting; open.length > 0; open = open.filter(({ length }) => length > 0)) {
    script.push(pick(random, open).shift() ?? "");
  }
  const text = script.join("\n");
  return { name, idea: "random", setup: SETUP, script: text, final: FINAL, synod: {} };
}

function transaction(random: Random): string[] {
  const statements = [random.below(6) === 0 ? "BEGIN READ ONLY" : "BEGIN"];
  let savepoints = 0;
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    if (random.below(6) === 0) {
      savepoints += 1;
      statements.push(`SAVEPOINT s${savepoints}`);
    }
    statements.push(statement(random));
    if (savepoints > 0 && random.below(3) === 0) {
      statements.push(`ROLLBACK TO SAVEPOINT s${savepoints}`);
    }
  }
  return [...statements, random.below(8) === 0 ? "ROLLBACK" : "COMMIT"];
}

function statement(random: Random): string {
  return pick(random, STATEMENTS)
    .replaceAll("@", () => String(1 + random.below(4)))
    .replaceAll("#", () => String(5 * random.below(8)))
    .replaceAll("$", () => pick(random, ["k", "l"]));
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[random.below(values.length)];
  if (value === undefined) throw new Error("nothing to choose from");
  return value;
}
