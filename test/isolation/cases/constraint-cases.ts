/** Races over what the schema promises: keys, references, schema changes beside changes of rows. */
import type { IsolationCase } from "../isolation-case.ts";

const TAKEN = "CREATE TABLE taken (key text PRIMARY KEY, by text NOT NULL)";
const WHO = "SELECT key, by FROM taken ORDER BY key";
const FAMILY = `
  CREATE TABLE parent (id int PRIMARY KEY, name text);
  CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL REFERENCES parent (id));
  INSERT INTO parent VALUES (1, 'one'), (2, 'two')`;
const COUNTS = "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)";
const ONE_ROW = `
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item VALUES (1, 10)`;

export const CONSTRAINT_CASES: readonly IsolationCase[] = [
  {
    name: "one key inserted twice",
    idea: "insert race, first commits",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a')
      b: INSERT INTO taken VALUES ('k', 'b')
      a: COMMIT
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "one key inserted twice, the first is rolled back",
    idea: "insert race, first rolls back",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a')
      b: INSERT INTO taken VALUES ('k', 'b')
      a: ROLLBACK
      b: COMMIT`,
    final: WHO,
    synod: { a: "rolls back", b: "commits" },
  },
  {
    name: "a key found free by two",
    idea: "read-write-unique",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT by FROM taken WHERE key = 'k'
      b: SELECT by FROM taken WHERE key = 'k'
      a: INSERT INTO taken VALUES ('k', 'a')
      b: INSERT INTO taken VALUES ('k', 'b')
      a: COMMIT
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a key found free, taken before the insert",
    idea: "read-write-unique-2",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT by FROM taken WHERE key = 'k'
      b: SELECT by FROM taken WHERE key = 'k'
      a: INSERT INTO taken VALUES ('k', 'a')
      a: COMMIT
      b: INSERT INTO taken VALUES ('k', 'b')
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a number taken as one more than the largest",
    idea: "read-write-unique-4: invoice numbers without gaps",
    setup: `
      CREATE TABLE invoice (year int, number int, PRIMARY KEY (year, number));
      INSERT INTO invoice VALUES (2026, 1), (2026, 2)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT coalesce(max(number) + 1, 1) FROM invoice WHERE year = 2026
      b: SELECT coalesce(max(number) + 1, 1) FROM invoice WHERE year = 2026
      a: INSERT INTO invoice VALUES (2026, 3)
      b: INSERT INTO invoice VALUES (2026, 3)
      a: COMMIT
      b: COMMIT`,
    final: "SELECT number FROM invoice ORDER BY number",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a duplicate that both could see",
    idea: "constraint error inside of a transaction",
    setup: `${TAKEN}; INSERT INTO taken VALUES ('k', 'before')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a')
      b: INSERT INTO taken VALUES ('l', 'b')
      a: SELECT by FROM taken
      a: COMMIT
      b: COMMIT`,
    final: WHO,
    synod: { a: "23505", b: "commits" },
  },
  {
    name: "ON CONFLICT DO NOTHING twice",
    idea: "insert-conflict-do-nothing",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a') ON CONFLICT DO NOTHING
      b: INSERT INTO taken VALUES ('k', 'b') ON CONFLICT DO NOTHING
      a: COMMIT
      b: SELECT by FROM taken
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "ON CONFLICT DO UPDATE twice",
    idea: "insert-conflict-do-update",
    setup: TAKEN,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a') ON CONFLICT (key) DO UPDATE SET by = taken.by || ' a'
      b: INSERT INTO taken VALUES ('k', 'b') ON CONFLICT (key) DO UPDATE SET by = taken.by || ' b'
      a: COMMIT
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "ON CONFLICT DO UPDATE twice, with what was there",
    idea: "insert-conflict-do-update-2",
    setup: `${TAKEN}; INSERT INTO taken VALUES ('k', 'first')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO taken VALUES ('k', 'a') ON CONFLICT (key) DO UPDATE SET by = taken.by || ' a' RETURNING by
      b: INSERT INTO taken VALUES ('k', 'b') ON CONFLICT (key) DO UPDATE SET by = taken.by || ' b' RETURNING by
      a: COMMIT
      b: COMMIT`,
    final: WHO,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a child for a parent that goes",
    idea: "fk-snapshot",
    setup: FAMILY,
    script: `
      a: BEGIN
      b: BEGIN
      a: DELETE FROM parent WHERE id = 1
      b: INSERT INTO child VALUES (10, 1)
      a: COMMIT
      b: COMMIT`,
    final: COUNTS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a parent that goes while a child comes",
    idea: "fk-snapshot, the other order of COMMITs",
    setup: FAMILY,
    script: `
      a: BEGIN
      b: BEGIN
      b: INSERT INTO child VALUES (10, 1)
      a: DELETE FROM parent WHERE id = 1
      b: COMMIT
      a: COMMIT`,
    final: COUNTS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "children come while their parent changes its name",
    idea: "fk-contention",
    setup: FAMILY,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO child VALUES (10, 1)
      b: UPDATE parent SET name = 'uno' WHERE id = 1
      b: COMMIT
      a: COMMIT`,
    final: "SELECT name, child.id FROM parent JOIN child ON parent.id = child.parent",
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "numbers of a sequence in two open transactions",
    idea: "sequences stand outside of transactions",
    setup: "CREATE TABLE note (id serial PRIMARY KEY, by text NOT NULL)",
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO note (by) VALUES ('a')
      b: INSERT INTO note (by) VALUES ('b')
      b: COMMIT
      a: COMMIT`,
    final: "SELECT count(DISTINCT id), count(*) FROM note",
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "a column added under an insert",
    idea: "DDL and DML: ALTER TABLE … ADD COLUMN",
    setup: ONE_ROW,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO item VALUES (2, 20)
      b: ALTER TABLE item ADD COLUMN note text NOT NULL DEFAULT 'new'
      b: COMMIT
      a: COMMIT`,
    final: "SELECT id, note FROM item ORDER BY id",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a table dropped under an insert",
    idea: "DDL and DML: DROP TABLE",
    setup: `${ONE_ROW}; CREATE TABLE trace (n int)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO item VALUES (2, 20)
      a: INSERT INTO trace VALUES (1)
      b: DROP TABLE item
      b: COMMIT
      a: COMMIT`,
    final: "SELECT count(*) FROM trace",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a table dropped and made anew under an update",
    idea: "DDL and DML: a name that means something else",
    setup: ONE_ROW,
    script: `
      a: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: BEGIN
      b: DROP TABLE item
      b: CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL)
      b: INSERT INTO item VALUES (1, 77)
      b: COMMIT
      a: UPDATE item SET v = v + 1 WHERE id = 1
      a: COMMIT`,
    final: "SELECT id, v FROM item",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "one table created twice",
    idea: "DDL and DDL: CREATE TABLE",
    setup: "CREATE TABLE other (n int)",
    script: `
      a: BEGIN
      b: BEGIN
      a: CREATE TABLE fresh (n int)
      b: CREATE TABLE fresh (n int)
      a: INSERT INTO fresh VALUES (1)
      a: COMMIT
      b: COMMIT`,
    final: "SELECT n FROM fresh",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a table created and rolled back is nobody else's",
    idea: "DDL in a transaction",
    setup: ONE_ROW,
    script: `
      a: BEGIN
      a: CREATE TABLE fresh (n int)
      a: INSERT INTO fresh VALUES (1)
      a: SELECT n FROM fresh
      b: SELECT n FROM fresh
      a: ROLLBACK
      c: SELECT n FROM fresh`,
    final: "SELECT id FROM item",
    synod: { a: "rolls back", b: "42P01", c: "42P01" },
  },
  {
    name: "a unique index over rows that come",
    idea: "DDL and DML: CREATE UNIQUE INDEX",
    setup: ONE_ROW,
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO item VALUES (2, 10)
      b: CREATE UNIQUE INDEX item_v ON item (v)
      b: COMMIT
      a: COMMIT`,
    final: "SELECT id, v FROM item ORDER BY id",
    synod: { a: "40001", b: "commits" },
  },
];
