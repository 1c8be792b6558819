/** Anomalies over single rows, from Adya's classes: G0, G1, G2-item and their kin. */
import type { IsolationCase } from "../isolation-case.ts";

const TWO_ROWS = `
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item VALUES (1, 10), (2, 20)`;
const ALL_ROWS = "SELECT id, v FROM item ORDER BY id";

export const ITEM_CASES: readonly IsolationCase[] = [
  {
    name: "dirty write",
    idea: "G0",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 12 WHERE id = 1
      a: UPDATE item SET v = 21 WHERE id = 2
      a: COMMIT
      b: UPDATE item SET v = 22 WHERE id = 2
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "dirty read of what is rolled back",
    idea: "G1a",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = 101 WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      a: ROLLBACK
      b: SELECT v FROM item WHERE id = 1
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "rolls back", b: "commits" },
  },
  {
    name: "dirty read of a value in between",
    idea: "G1b",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = 101 WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT
      b: SELECT v FROM item WHERE id = 1
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "each reads what the other has not committed",
    idea: "G1c, circular information flow",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 22 WHERE id = 2
      a: SELECT v FROM item WHERE id = 2
      b: SELECT v FROM item WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "an observed transaction vanishes",
    idea: "OTV",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      c: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      a: UPDATE item SET v = 19 WHERE id = 2
      b: UPDATE item SET v = 12 WHERE id = 1
      a: COMMIT
      c: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = 18 WHERE id = 2
      c: SELECT v FROM item WHERE id = 2
      b: COMMIT
      c: SELECT id, v FROM item
      c: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits", c: "commits" },
  },
  {
    name: "non-repeatable read by a reader",
    idea: "P2, fuzzy read",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = 11 WHERE id = 1
      a: SELECT v FROM item WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "non-repeatable read by a writer",
    idea: "P2, fuzzy read",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = 11 WHERE id = 1
      a: UPDATE item SET v = 21 WHERE id = 2
      a: SELECT v FROM item WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "lost update",
    idea: "P4",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 12 WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "lost update beside a statement of its own",
    idea: "P4",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = v + 5 WHERE id = 1
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "two increments that show nothing",
    idea: "P4 that is none",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = v + 1 WHERE id = 1
      b: UPDATE item SET v = v + 1 WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "two increments that return the new value",
    idea: "P4",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = v + 1 WHERE id = 1 RETURNING v
      b: UPDATE item SET v = v + 1 WHERE id = 1 RETURNING v
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "read skew, seen by a reader",
    idea: "G-single, A5A",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: SELECT v FROM item WHERE id = 1
      b: SELECT v FROM item WHERE id = 2
      b: UPDATE item SET v = 12 WHERE id = 1
      b: UPDATE item SET v = 18 WHERE id = 2
      b: COMMIT
      a: SELECT v FROM item WHERE id = 2
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "read skew, acted upon",
    idea: "G-single, write predicate",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT v FROM item WHERE id = 1
      b: UPDATE item SET v = 12 WHERE id = 1
      b: UPDATE item SET v = 18 WHERE id = 2
      b: COMMIT
      a: DELETE FROM item WHERE v = 20
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "write skew over two rows",
    idea: "G2-item, A5B",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id, v FROM item WHERE id IN (1, 2)
      b: SELECT id, v FROM item WHERE id IN (1, 2)
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 21 WHERE id = 2
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "write skew that its first writer loses",
    idea: "G2-item, the other order of COMMITs",
    setup: TWO_ROWS,
    script: `
      a: BEGIN ISOLATION LEVEL SERIALIZABLE
      b: BEGIN ISOLATION LEVEL SERIALIZABLE
      a: SELECT sum(v) FROM item
      a: UPDATE item SET v = v - 5 WHERE id = 1
      b: SELECT sum(v) FROM item
      b: UPDATE item SET v = v - 5 WHERE id = 2
      b: COMMIT
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "long fork",
    idea: "parallel snapshots, A5B of two readers",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      c: BEGIN READ ONLY
      d: BEGIN READ ONLY
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 22 WHERE id = 2
      a: COMMIT
      c: SELECT v FROM item WHERE id = 1
      b: COMMIT
      d: SELECT v FROM item WHERE id = 2
      c: SELECT v FROM item WHERE id = 2
      d: SELECT v FROM item WHERE id = 1
      c: COMMIT
      d: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits", c: "commits", d: "commits" },
  },
  {
    name: "a reader begins after an answer and must see it",
    idea: "strict order: a new transaction at another node is not behind",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT
      b: BEGIN
      b: SELECT v FROM item WHERE id = 1
      b: COMMIT
      c: SELECT v FROM item WHERE id = 1`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits", c: "commits" },
  },
  {
    name: "two who update in opposite order",
    idea: "deadlock-simple",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = 11 WHERE id = 1
      b: UPDATE item SET v = 22 WHERE id = 2
      a: UPDATE item SET v = 21 WHERE id = 2
      b: UPDATE item SET v = 12 WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "a row deleted under an update",
    idea: "lock-update-delete",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: DELETE FROM item WHERE id = 1
      b: UPDATE item SET v = 12 WHERE id = 1
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a transfer that must not overdraw",
    idea: "eval-plan-qual, with a check on the balance",
    setup: `
      CREATE TABLE account (name text PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
      INSERT INTO account VALUES ('ada', 100), ('bob', 0), ('eve', 0)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE account SET balance = balance - 80 WHERE name = 'ada'
      b: UPDATE account SET balance = balance - 80 WHERE name = 'ada'
      a: UPDATE account SET balance = balance + 80 WHERE name = 'bob'
      a: COMMIT
      b: UPDATE account SET balance = balance + 80 WHERE name = 'eve'
      b: COMMIT`,
    final: "SELECT name, balance FROM account ORDER BY name",
    synod: { a: "commits", b: "40001" },
  },
];
