/** Anomalies over sets of rows: phantoms, aggregates, predicates that rows enter and leave. */
import type { IsolationCase } from "../isolation-case.ts";

const TWO_ROWS = `
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item VALUES (1, 10), (2, 20)`;
const ALL_ROWS = "SELECT id, v FROM item ORDER BY id";

export const PREDICATE_CASES: readonly IsolationCase[] = [
  {
    name: "phantom seen by a reader",
    idea: "P3",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT id FROM item WHERE v > 5
      b: INSERT INTO item VALUES (3, 30)
      a: SELECT id FROM item WHERE v > 5
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "predicate-many-preceders, read",
    idea: "PMP",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM item WHERE v = 30
      b: INSERT INTO item VALUES (3, 30)
      b: COMMIT
      a: SELECT id FROM item WHERE v % 3 = 0
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "predicate-many-preceders, write",
    idea: "PMP, write predicate",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = v + 10
      b: DELETE FROM item WHERE v = 20
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "predicate-many-preceders, write that hits something else",
    idea: "PMP, write predicate",
    setup: `
      CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
      INSERT INTO item VALUES (1, 10), (2, 20), (3, 20)`,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE item SET v = v + 10
      b: DELETE FROM item WHERE v = 20
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "two who insert what the other looked for",
    idea: "G2, anti-dependency cycle",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM item WHERE v % 3 = 0
      b: SELECT id FROM item WHERE v % 3 = 0
      a: INSERT INTO item VALUES (3, 30)
      b: INSERT INTO item VALUES (4, 42)
      a: COMMIT
      b: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a reader joins two writers in a cycle",
    idea: "G2, two anti-dependency edges",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT id, v FROM item
      b: BEGIN
      b: UPDATE item SET v = v + 5 WHERE id = 2
      b: COMMIT
      c: BEGIN
      c: SELECT id, v FROM item
      c: COMMIT
      a: UPDATE item SET v = 0 WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits", c: "commits" },
  },
  {
    name: "phantom in a sum",
    idea: "P3 over an aggregate",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT sum(v) FROM item
      b: SELECT sum(v) FROM item
      a: INSERT INTO item SELECT 3, sum(v) FROM item
      b: INSERT INTO item SELECT 4, sum(v) FROM item
      b: COMMIT
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "phantom that leaves the sum as it was",
    idea: "P3 that changes no answer",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT sum(v) FROM item
      b: UPDATE item SET v = 30 - v
      a: INSERT INTO item VALUES (3, 30)
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "phantom in a GROUP BY … HAVING",
    idea: "P3 over groups",
    setup: `
      CREATE TABLE booking (id int PRIMARY KEY, flight text NOT NULL);
      INSERT INTO booking VALUES (1, 'X1'), (2, 'X1'), (3, 'Y2')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT flight FROM booking GROUP BY flight HAVING count(*) < 3
      b: SELECT flight FROM booking GROUP BY flight HAVING count(*) < 3
      a: INSERT INTO booking VALUES (4, 'X1')
      b: INSERT INTO booking VALUES (5, 'X1')
      a: COMMIT
      b: COMMIT`,
    final: "SELECT flight, count(*) FROM booking GROUP BY flight ORDER BY flight",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a row found missing twice",
    idea: "phantom of NOT EXISTS",
    setup: "CREATE TABLE member (name text NOT NULL, since int NOT NULL)",
    script: `
      a: BEGIN
      b: BEGIN
      a: INSERT INTO member SELECT 'ada', 1 WHERE NOT EXISTS (SELECT 1 FROM member WHERE name = 'ada')
      b: INSERT INTO member SELECT 'ada', 2 WHERE NOT EXISTS (SELECT 1 FROM member WHERE name = 'ada')
      a: COMMIT
      b: COMMIT`,
    final: "SELECT name, since FROM member ORDER BY since",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "phantom behind a LIMIT",
    idea: "P3 of a top list",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      b: BEGIN
      a: SELECT id FROM item ORDER BY v DESC LIMIT 1
      b: SELECT id FROM item ORDER BY v LIMIT 1
      b: INSERT INTO item VALUES (3, 30)
      a: UPDATE item SET v = 0 WHERE id = 2
      b: COMMIT
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "rows moved between two groups",
    idea: "simple-write-skew: black and white",
    setup: `
      CREATE TABLE dot (id int PRIMARY KEY, colour text NOT NULL);
      INSERT INTO dot VALUES (1, 'black'), (2, 'white'), (3, 'black'), (4, 'white')`,
    script: `
      a: BEGIN
      b: BEGIN
      a: UPDATE dot SET colour = 'black' WHERE colour = 'white'
      b: UPDATE dot SET colour = 'white' WHERE colour = 'black'
      a: COMMIT
      b: COMMIT`,
    final: "SELECT colour, count(*) FROM dot GROUP BY colour",
    synod: { a: "commits", b: "40001" },
  },
  {
    name: "a table emptied under a count",
    idea: "truncate-conflict",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: SELECT count(*) FROM item
      b: BEGIN
      b: DELETE FROM item
      b: COMMIT
      a: INSERT INTO item SELECT 10 + count(*), 0 FROM item
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "phantom before a cursor's FETCH",
    idea: "P3 through a cursor",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: DECLARE c CURSOR FOR SELECT id, v FROM item ORDER BY id
      a: FETCH 1 FROM c
      b: BEGIN
      b: INSERT INTO item VALUES (3, 30)
      b: UPDATE item SET v = 21 WHERE id = 2
      b: COMMIT
      a: FETCH ALL FROM c
      a: CLOSE c
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits", b: "commits" },
  },
  {
    name: "lost update through a cursor",
    idea: "P4C",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: DECLARE c CURSOR FOR SELECT v FROM item WHERE id = 1
      a: FETCH c
      b: UPDATE item SET v = 12 WHERE id = 1
      a: UPDATE item SET v = 11 WHERE id = 1
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "40001", b: "commits" },
  },
  {
    name: "a cursor does not see its own transaction's later changes",
    idea: "insensitive cursors",
    setup: TWO_ROWS,
    script: `
      a: BEGIN
      a: DECLARE c NO SCROLL CURSOR FOR SELECT id, v FROM item ORDER BY id
      a: FETCH 1 FROM c
      a: UPDATE item SET v = v + 1
      a: INSERT INTO item VALUES (3, 30)
      a: FETCH FORWARD ALL FROM c
      a: MOVE 5 FROM c
      a: SELECT id, v FROM item ORDER BY id
      a: COMMIT`,
    final: ALL_ROWS,
    synod: { a: "commits" },
  },
];
