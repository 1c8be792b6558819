/** Locks that clients ask for, savepoints, and failures inside of a transaction. */
import type { IsolationCase } from "../isolation-case.ts";

const TWO_ROWS = `
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item VALUES (1, 10), (2, 20)`;
const ALL_ROWS = "SELECT id, v FROM item ORDER BY id";

export const LOCK_CASES: readonly IsolationCase[] = [
  {
    name: "lost update under SELECT … FOR UPDATE",
    idea: "P4 with a lock",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT v FROM item WHERE id = 1 FOR UPDATE
      b: SELECT v FROM item WHERE id = 1 FOR UPDATE
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT
      b: UPDATE item SET v = 12 WHERE id = 1
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "two locks upgraded",
    idea: "tuplelock-upgrade-no-deadlock: FOR SHARE, then an update",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT v FROM item WHERE id = 1 FOR SHARE
      b: SELECT v FROM item WHERE id = 1 FOR SHARE
      a: UPDATE item SET v = v + 1 WHERE id = 1
      b: UPDATE item SET v = v + 1 WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a job taken by two workers",
    idea: "queue with FOR UPDATE",
    setup: `
      CREATE TABLE job (id int PRIMARY KEY, worker text);
      INSERT INTO job VALUES (1, NULL), (2, NULL)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM job WHERE worker IS NULL ORDER BY id LIMIT 1 FOR UPDATE
      b: SELECT id FROM job WHERE worker IS NULL ORDER BY id LIMIT 1 FOR UPDATE
      a: UPDATE job SET worker = 'a' WHERE id = 1
      b: UPDATE job SET worker = 'b' WHERE id = 1
      b: COMMIT
      a: COMMIT`,
    final: "SELECT id, worker FROM job ORDER BY id",
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a job taken by two workers that skip what is locked",
    idea: "skip-locked",
    setup: `
      CREATE TABLE job (id int PRIMARY KEY, worker text);
      INSERT INTO job VALUES (1, NULL), (2, NULL)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM job WHERE worker IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
      b: SELECT id FROM job WHERE worker IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
      a: UPDATE job SET worker = 'a' WHERE id = 1
      a: COMMIT
      b: ROLLBACK`,
    final: "SELECT id, worker FROM job ORDER BY id",
    synod: { a: "commits", b: "rolls back" },
  },
  {
    name: "doctors on call under FOR UPDATE",
    idea: "write skew with a lock on what was counted",
    setup: `
      CREATE TABLE doctor (name text PRIMARY KEY, on_call bool NOT NULL);
      INSERT INTO doctor VALUES ('alice', true), ('bob', true)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT name FROM doctor WHERE on_call ORDER BY name FOR UPDATE
      b: SELECT name FROM doctor WHERE on_call ORDER BY name FOR UPDATE
      a: UPDATE doctor SET on_call = false WHERE name = 'alice'
      a: COMMIT
      b: UPDATE doctor SET on_call = false WHERE name = 'bob'
      b: COMMIT`,
    final: "SELECT name, on_call FROM doctor ORDER BY name",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "LOCK TABLE around a read and a write",
    idea: "explicit table lock",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: LOCK TABLE item IN EXCLUSIVE MODE
      a: SELECT sum(v) FROM item
      b: UPDATE item SET v = v + 1 WHERE id = 1
      a: INSERT INTO item SELECT 3, sum(v) FROM item
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "a write undone by ROLLBACK TO conflicts with nobody",
    idea: "delete-abort-savept",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SAVEPOINT s
      a: UPDATE item SET v = 11 WHERE id = 1
      a: ROLLBACK TO SAVEPOINT s
      b: BEGIN
      b: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = 12 WHERE id = 1
      b: COMMIT
      a: UPDATE item SET v = 21 WHERE id = 2
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "a read before ROLLBACK TO was a read",
    idea: "what was seen in a savepoint counts",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SAVEPOINT s
      a: SELECT v FROM item WHERE id = 1
      a: ROLLBACK TO SAVEPOINT s
      b: BEGIN
      b: SELECT v FROM item WHERE id = 2
      b: UPDATE item SET v = 12 WHERE id = 1
      b: COMMIT
      a: UPDATE item SET v = 21 WHERE id = 2
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "write skew of savepoints",
    idea: "G2-item inside of subtransactions",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SAVEPOINT s
      b: SAVEPOINT s
      a: SELECT sum(v) FROM item
      b: SELECT sum(v) FROM item
      a: UPDATE item SET v = v - 30 WHERE id = 1
      b: UPDATE item SET v = v - 30 WHERE id = 2
      a: RELEASE SAVEPOINT s
      b: RELEASE SAVEPOINT s
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a failure that a savepoint takes back",
    idea: "aborted subtransaction, then the other wins the key",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: INSERT INTO item VALUES (3, 30)
      a: SAVEPOINT s
      a: INSERT INTO item VALUES (1, 11)
      a: ROLLBACK TO SAVEPOINT s
      b: BEGIN
      b: INSERT INTO item VALUES (4, 40)
      b: COMMIT
      a: INSERT INTO item VALUES (5, 50)
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "a failure that depends on what is deleted meanwhile",
    idea: "an error is an answer, too",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SAVEPOINT s
      a: INSERT INTO item VALUES (1, 11)
      a: ROLLBACK TO SAVEPOINT s
      b: BEGIN
      b: DELETE FROM item WHERE id = 1
      b: COMMIT
      a: INSERT INTO item VALUES (5, 50)
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a failed transaction answers 25P02 and changes nothing",
    idea: "failed state",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      a: SELECT 1 / 0
      a: UPDATE item SET v = 12 WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      a: COMMIT
      c: SELECT v FROM item WHERE id = 1`,
    final: ALL_ROWS,
    synod: { a: "22012", b: "commits", c: "commits" },
  },
  {
    name: "a read-only transaction that tries to write",
    idea: "READ ONLY",
    setup: TWO_ROWS,
    script: `
      a: BEGIN READ ONLY
      b: UPDATE item SET v = 11 WHERE id = 1
      a: SELECT v FROM item WHERE id = 1
      a: UPDATE item SET v = 12 WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "25006", b: "commits" },
  },
  {
    name: "levels below serializable protect as well",
    idea: "lost update at READ COMMITTED and REPEATABLE READ",
    setup: TWO_ROWS,
    script: `
      a: BEGIN ISOLATION LEVEL SERIALIZABLE
      b: BEGIN ISOLATION LEVEL REPEATABLE READ
      a: SELECT v FROM item WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT
      b: UPDATE item SET v = 12 WHERE id = 1
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
];
