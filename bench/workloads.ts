/** What is measured, as pgbench scripts: one file a workload would be three lines each. */
export interface Workload {
  readonly name: string;
  readonly script: string;
}

export const KEYS = 10_000;

/** Run once before the measurements. */
export const SET_UP = `
DROP TABLE IF EXISTS kv;
CREATE TABLE kv (k int PRIMARY KEY, v int NOT NULL, note text);
INSERT INTO kv SELECT k, 0, 'a note of some forty characters, as rows have' FROM generate_series(1, ${KEYS}) AS g(k);
`;

export const workloads: readonly Workload[] = [
  {
    name: "upsert by key",
    script: `\\set k random(1, ${KEYS})
INSERT INTO kv (k, v) VALUES (:k, 1) ON CONFLICT (k) DO UPDATE SET v = kv.v + 1;
`,
  },
  {
    name: "select by key",
    script: `\\set k random(1, ${KEYS})
SELECT v, note FROM kv WHERE k = :k;
`,
  },
];
