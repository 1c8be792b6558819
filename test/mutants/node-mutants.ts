/**
 * Mistakes in what is around the core (sessions, applying, log, snapshots, joining), hunted in the
 * worlds of whole nodes. The state machine is the small one, but where the mistake is in SQLite's part.
 */
import type { Mutant } from "./mutant.ts";

const COMPACTION = "src/node/compaction.ts";
const CONTEXT = "src/machine/statement-context.ts";
const DEDUPE = "src/machine/dedupe.ts";
const SEGMENT = "wal/segment.ts";

/** Sessions, retries and the state machine. */
const COMMANDS: readonly Mutant[] = [
  {
    id: "m19",
    what: "a command that is decided twice runs twice",
    world: "nodes",
    patches: [
      {
        file: DEDUPE,
        find: "return kept === undefined ? null : recall(kept);",
        replace: "return null;",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "m20",
    what: "what ran before is not part of a snapshot or a file",
    world: "nodes",
    patches: [{ file: DEDUPE, find: "known.outcomes.set(Number(sequence), kept);", replace: "" }],
    seedsMax: 1000,
  },
  {
    id: "m21",
    what: "outcomes are forgotten as time goes by: when the node's transaction ends",
    world: "nodes",
    patches: [
      {
        file: DEDUPE,
        find: "    this.#unwritten = [];\n",
        replace:
          "    this.#unwritten = [];\n    for (const { outcomes } of this.#sessions.values()) outcomes.clear();\n",
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m22",
    what: "rows are committed before the position and the outcomes",
    world: "nodes",
    patches: [
      {
        file: "src/machine/state-file.ts",
        find: "    this.#dedupe.write();\n",
        replace: "    this.#commit.run();\n    this.#begin.run();\n    this.#dedupe.write();\n",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "m37",
    what: "a retry is sent under a new identity",
    world: "nodes",
    patches: [
      {
        file: "src/node/proposals.ts",
        find: "    const pending: Pending = {\n      session,\n      sequence,\n      bytes,\n",
        replace: [
          "const anew = () =>",
          "  encodeCommand(unsent({ session, sequence: this.#nextSequence++, settledBelow }));",
          "const pending: Pending = {",
          "  session, sequence,",
          "  get bytes() { return pending.sent > 1 ? anew() : bytes; },\n",
        ].join("\n"),
      },
    ],
    seedsMax: 500,
  },
  {
    id: "m38",
    what: "random() is drawn where the command is applied",
    world: "sqlite",
    patches: [
      {
        file: CONTEXT,
        find: "return this.#random.u32();",
        replace: "return Math.floor(Math.random() * 2 ** 32);",
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m38b",
    what: "now() is read from the clock of the node that applies",
    world: "sqlite",
    patches: [
      {
        file: CONTEXT,
        find: "return this.#timestampMicros;",
        replace: "return Date.now() * 1000;",
      },
    ],
    seedsMax: 20,
  },
  {
    id: "m39",
    what: "an apply that the disk made fail counts as done",
    world: "nodes",
    patches: [
      {
        file: "src/node/applier.ts",
        find: "(error: unknown) => this.#fail(error),",
        replace: [
          "() => this.#applied({",
          "  appliedIndex: this.#appliedIndex + entries.length,",
          '  reports: [], changedDatabases: [], digest: "",',
          "}),",
        ].join("\n"),
      },
    ],
    seedsMax: 500,
  },
];

/** Snapshots and truncation. */
const SNAPSHOTS: readonly Mutant[] = [
  {
    id: "m23",
    what: "the log is truncated before the snapshot is taken",
    world: "nodes",
    patches: [
      {
        file: COMPACTION,
        find: "const { appliedIndex } = await machine.snapshot(aside);",
        replace:
          "this.#parts.truncate(replica.status().chosenIndex);\n    const { appliedIndex } = await machine.snapshot(aside);",
      },
    ],
    seedsMax: 2000,
  },
];

/** The log's files. */
const STORAGE: readonly Mutant[] = [
  {
    id: "no-sync",
    what: "canary: the log is written but never synced",
    world: "nodes",
    patches: [
      {
        file: SEGMENT,
        find: 'await files.open(path, "durable")',
        replace: 'await files.open(path, "write")',
      },
    ],
    seedsMax: 50,
  },
  {
    id: "m32",
    what: "a sync that failed is tried again",
    world: "nodes",
    patches: [
      {
        file: SEGMENT,
        find: "await this.#file.write(this.#endOffset, bytes);",
        replace: "await this.#file.write(this.#endOffset, bytes).catch(() => this.#file.sync());",
      },
    ],
    seedsMax: 2000,
  },
];

export const NODE_MUTANTS: readonly Mutant[] = [...COMMANDS, ...SNAPSHOTS, ...STORAGE];
