/** Whole stories of the literature on serializable snapshots, and of PostgreSQL's isolation tests. */
import type { IsolationCase } from "../isolation-case.ts";

const BANK = `
  CREATE TABLE account (kind text PRIMARY KEY, balance int NOT NULL);
  INSERT INTO account VALUES ('saving', 0), ('checking', 0)`;
const ACCOUNTS = "SELECT kind, balance FROM account ORDER BY kind";

export const STORY_CASES: readonly IsolationCase[] = [
  {
    name: "doctors on call",
    idea: "write skew over a count",
    setup: `
      CREATE TABLE doctor (name text PRIMARY KEY, on_call bool NOT NULL);
      INSERT INTO doctor VALUES ('alice', true), ('bob', true)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT count(*) FROM doctor WHERE on_call
      b: SELECT count(*) FROM doctor WHERE on_call
      a: UPDATE doctor SET on_call = false WHERE name = 'alice'
      b: UPDATE doctor SET on_call = false WHERE name = 'bob'
      a: COMMIT
      b: COMMIT`,
    final: "SELECT name, on_call FROM doctor ORDER BY name",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a receipt after the day's report",
    idea: "receipt-report, read-only anomaly",
    setup: `
      CREATE TABLE control (id int PRIMARY KEY, day int NOT NULL);
      CREATE TABLE receipt (no int PRIMARY KEY, day int NOT NULL, amount int NOT NULL);
      INSERT INTO control VALUES (1, 22);
      INSERT INTO receipt VALUES (1, 22, 100), (2, 22, 200)`,
    script: `
      a: BEGIN
      a: INSERT INTO receipt SELECT 3, day, 400 FROM control RETURNING day
      b: BEGIN
      b: UPDATE control SET day = 23 WHERE id = 1
      b: COMMIT
      c: BEGIN READ ONLY
      c: SELECT day FROM control
      c: SELECT no, amount FROM receipt WHERE day = 22
      c: COMMIT
      a: COMMIT`,
    final: "SELECT no, day FROM receipt ORDER BY no",
    synod: { a: "40001", b: "commits", c: "commits" },
  },
  {
    name: "a balance that explains no fee",
    idea: "read-only-anomaly of Fekete, O'Neil and O'Neil",
    setup: BANK,
    script: `
      b: BEGIN
      b: SELECT kind, balance FROM account
      a: BEGIN
      a: SELECT balance FROM account WHERE kind = 'saving'
      a: UPDATE account SET balance = 20 WHERE kind = 'saving'
      a: COMMIT
      c: BEGIN
      c: SELECT kind, balance FROM account
      c: COMMIT
      b: UPDATE account SET balance = -11 WHERE kind = 'checking'
      b: COMMIT`,
    final: ACCOUNTS,
    synod: { a: "commits", b: "40001", c: "commits" },
  },
  {
    name: "a balance that explains no fee, read while both are open",
    idea: "read-only-anomaly-2",
    setup: BANK,
    script: `
      a: BEGIN
      b: BEGIN
      c: BEGIN READ ONLY
      b: SELECT sum(balance) FROM account
      a: UPDATE account SET balance = balance + 20 WHERE kind = 'saving'
      b: UPDATE account SET balance = balance - 11 WHERE kind = 'checking'
      a: COMMIT
      c: SELECT kind, balance FROM account
      b: COMMIT
      c: COMMIT`,
    final: ACCOUNTS,
    synod: { a: "commits", b: "40001", c: "commits" },
  },
  {
    name: "a read-only report that may be deferred",
    idea: "read-only-anomaly-3",
    setup: BANK,
    script: `
      a: BEGIN
      a: SELECT sum(balance) FROM account
      a: UPDATE account SET balance = balance - 11 WHERE kind = 'checking'
      a: COMMIT
      c: BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE
      c: SELECT kind, balance FROM account
      b: UPDATE account SET balance = balance + 20 WHERE kind = 'saving'
      c: SELECT kind, balance FROM account
      c: COMMIT`,
    final: ACCOUNTS,
    synod: { a: "commits", b: "commits", c: "commits" },
  },
  {
    name: "two withdrawals that the total allows once",
    idea: "total-cash",
    setup: `
      CREATE TABLE account (kind text PRIMARY KEY, balance int NOT NULL);
      INSERT INTO account VALUES ('saving', 300), ('checking', 300)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE account SET balance = balance - 400 WHERE kind = 'saving'
      b: UPDATE account SET balance = balance - 400 WHERE kind = 'checking'
      a: SELECT sum(balance) FROM account
      b: SELECT sum(balance) FROM account
      a: COMMIT
      b: COMMIT`,
    final: ACCOUNTS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "two bookings of one room",
    idea: "class-room-scheduling",
    setup: `
      CREATE TABLE reservation (
        room text, starts int, ends int, purpose text, PRIMARY KEY (room, starts));
      INSERT INTO reservation VALUES ('101', 10, 12, 'lecture')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT count(*) FROM reservation WHERE room = '101' AND starts < 14 AND ends > 13
      b: SELECT count(*) FROM reservation WHERE room = '101' AND starts < 15 AND ends > 13
      a: INSERT INTO reservation VALUES ('101', 13, 14, 'from a')
      b: UPDATE reservation SET starts = 14, ends = 15 WHERE room = '101' AND starts = 10
      b: COMMIT
      a: COMMIT`,
    final: "SELECT starts, ends FROM reservation ORDER BY starts",
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "two bookings of one room that overlap",
    idea: "class-room-scheduling",
    setup: `
      CREATE TABLE reservation (
        room text, starts int, ends int, purpose text, PRIMARY KEY (room, starts));
      INSERT INTO reservation VALUES ('101', 8, 9, 'lecture')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT count(*) FROM reservation WHERE room = '101' AND starts < 14 AND ends > 13
      b: SELECT count(*) FROM reservation WHERE room = '101' AND starts < 15 AND ends > 12
      a: INSERT INTO reservation VALUES ('101', 13, 14, 'from a')
      b: INSERT INTO reservation VALUES ('101', 12, 15, 'from b')
      b: COMMIT
      a: COMMIT`,
    final: "SELECT starts, ends FROM reservation ORDER BY starts",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a project for one who is manager no more",
    idea: "project-manager",
    setup: `
      CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL, is_manager bool NOT NULL);
      CREATE TABLE project (no int PRIMARY KEY, name text NOT NULL, manager int NOT NULL);
      INSERT INTO person VALUES (1, 'mary', true)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT count(*) FROM person WHERE id = 1 AND is_manager
      b: SELECT count(*) FROM project WHERE manager = 1
      a: INSERT INTO project VALUES (101, 'parser', 1)
      b: UPDATE person SET is_manager = false WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: "SELECT is_manager, (SELECT count(*) FROM project) FROM person",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "each takes the sum of the other's class",
    idea: "the PostgreSQL manual's example of serializable",
    setup: `
      CREATE TABLE mytab (class int NOT NULL, value int NOT NULL);
      INSERT INTO mytab VALUES (1, 10), (1, 20), (2, 100), (2, 200)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT sum(value) FROM mytab WHERE class = 1
      b: SELECT sum(value) FROM mytab WHERE class = 2
      a: INSERT INTO mytab VALUES (2, 30)
      b: INSERT INTO mytab VALUES (1, 300)
      a: COMMIT
      b: COMMIT`,
    final: "SELECT class, sum(value) FROM mytab GROUP BY class ORDER BY class",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "two ids taken by the same count",
    idea: "two-ids",
    setup: `
      CREATE TABLE entry (id int NOT NULL);
      INSERT INTO entry VALUES (1)`,
    script: `
      a: BEGIN
      b: BEGIN
      c: BEGIN
      a: UPDATE entry SET id = 2
      b: SELECT id FROM entry WHERE id = 1
      a: COMMIT
      c: SELECT id FROM entry WHERE id = 2
      c: INSERT INTO entry VALUES (3)
      b: INSERT INTO entry VALUES (4)
      b: COMMIT
      c: COMMIT`,
    final: "SELECT id FROM entry ORDER BY id",
    synod: { a: "commits", b: "40001", c: "commits" },
  },
  {
    name: "a row that has had many versions",
    idea: "multiple-row-versions",
    setup: `
      CREATE TABLE item (id int PRIMARY KEY, v text NOT NULL);
      INSERT INTO item VALUES (1000000, 'zero'), (500000, 'half'), (1, 'one')`,
    script: `
      a: BEGIN
      a: SELECT v FROM item WHERE id = 1000000
      b: BEGIN
      b: UPDATE item SET v = 'second' WHERE id = 1000000
      b: COMMIT
      c: BEGIN
      c: UPDATE item SET v = 'third' WHERE id = 1000000
      c: SELECT v FROM item WHERE id = 500000
      d: BEGIN
      d: UPDATE item SET v = 'fourth' WHERE id = 500000
      d: SELECT v FROM item WHERE id = 1
      d: COMMIT
      c: COMMIT
      a: UPDATE item SET v = 'first' WHERE id = 1
      a: COMMIT`,
    final: "SELECT id, v FROM item ORDER BY id",
    synod: { a: "40001", b: "commits", c: "40001", d: "commits" },
  },
  {
    name: "write skew that an index alone could show",
    idea: "index-only-scan",
    setup: `
      CREATE TABLE tabx (id int PRIMARY KEY);
      CREATE TABLE taby (id int PRIMARY KEY);
      INSERT INTO tabx SELECT generate_series(1, 1000);
      INSERT INTO taby SELECT generate_series(1, 1000)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: DELETE FROM taby WHERE id = (SELECT min(id) FROM tabx)
      b: DELETE FROM tabx WHERE id = (SELECT min(id) FROM taby)
      a: COMMIT
      b: COMMIT`,
    final: "SELECT (SELECT min(id) FROM tabx), (SELECT min(id) FROM taby)",
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "write skew that an index alone could show, with what was deleted",
    idea: "index-only-scan",
    setup: `
      CREATE TABLE tabx (id int PRIMARY KEY);
      CREATE TABLE taby (id int PRIMARY KEY);
      INSERT INTO tabx SELECT generate_series(1, 100);
      INSERT INTO taby SELECT generate_series(1, 100)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: DELETE FROM taby WHERE id = (SELECT min(id) FROM tabx) RETURNING id
      b: DELETE FROM tabx WHERE id = (SELECT min(id) FROM taby) RETURNING id
      a: COMMIT
      b: COMMIT`,
    final: "SELECT (SELECT min(id) FROM tabx), (SELECT min(id) FROM taby)",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "write skew over a partial index",
    idea: "partial-index",
    setup: `
      CREATE TABLE test_t (id int PRIMARY KEY, val1 text NOT NULL, val2 int NOT NULL);
      CREATE INDEX test_idx ON test_t (id) WHERE val2 = 1;
      INSERT INTO test_t VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 2)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM test_t WHERE val2 = 1
      b: SELECT id FROM test_t WHERE val2 = 1
      a: UPDATE test_t SET val2 = 2 WHERE val2 = 1 AND id = 1
      b: UPDATE test_t SET val2 = 2 WHERE val2 = 1 AND id = 2
      b: COMMIT
      a: COMMIT`,
    final: "SELECT id, val2 FROM test_t ORDER BY id",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "an assertion over overlapping times",
    idea: "temporal-range-integrity",
    setup: `
      CREATE TABLE statute (cite text, eff date NOT NULL, expires date, PRIMARY KEY (cite, eff));
      CREATE TABLE offense (no int PRIMARY KEY, cite text NOT NULL, on_day date NOT NULL);
      INSERT INTO statute VALUES ('123', DATE '2008-01-01', NULL)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT count(*) FROM statute WHERE cite = '123' AND eff <= DATE '2009-05-15' AND (expires IS NULL OR expires > DATE '2009-05-15')
      b: SELECT count(*) FROM offense WHERE cite = '123' AND on_day >= DATE '2008-01-01'
      a: INSERT INTO offense VALUES (1, '123', DATE '2009-05-15')
      b: DELETE FROM statute WHERE cite = '123' AND eff = DATE '2008-01-01'
      a: COMMIT
      b: COMMIT`,
    final: "SELECT (SELECT count(*) FROM statute), (SELECT count(*) FROM offense)",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "referential integrity kept by the clients",
    idea: "referential-integrity",
    setup: `
      CREATE TABLE parent (id int PRIMARY KEY);
      CREATE TABLE child (no int PRIMARY KEY, parent int NOT NULL);
      INSERT INTO parent VALUES (1)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM parent WHERE id = 1
      b: SELECT no FROM child WHERE parent = 1
      a: INSERT INTO child VALUES (10, 1)
      b: DELETE FROM parent WHERE id = 1
      b: COMMIT
      a: COMMIT`,
    final: "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)",
    synod: { a: "40001", b: "commits" },
  },
];
