/** Mistakes in interactive transactions, hunted in the worlds of whole nodes. */
import type { Mutant } from "./mutant.ts";

const DIGEST = "src/machine/result-digest.ts";
const READS = "src/node/transaction-reads.ts";
const RUN = "src/machine/transaction-run.ts";

export const TRANSACTION_MUTANTS: readonly Mutant[] = [
  {
    id: "t1",
    what: "a commit is not compared with what its client was shown",
    world: "nodes",
    patches: [
      {
        file: RUN,
        find: "return sameDigest(this.repeat(item, index).digest, item.digest);",
        replace: "this.repeat(item, index);\n      return true;",
      },
    ],
    seedsMax: 200,
  },
  {
    id: "t2",
    what: "two results that are equally long count as the same",
    world: "nodes",
    patches: [
      {
        file: DIGEST,
        find: "if (left[at] !== right[at]) return false;",
        replace: "if (left[at] === undefined) return false;",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t3",
    what: "a transaction does not ask whether its node is up to date",
    world: "nodes",
    patches: [
      {
        file: "src/node/gateway.ts",
        find: "if (consistency.stale) return null;",
        replace: "if (consistency.maxStalenessMs >= 0) return null;",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t4",
    what: "each query of a transaction that only reads sees a moment of its own",
    world: "nodes",
    patches: [
      {
        file: READS,
        find: "view: this.#view ?? this.#newView(usesSystemRelations),",
        replace: 'view: "newForAny",',
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t5",
    what: "what was read before the first change is not compared when the transaction commits",
    world: "nodes",
    patches: [
      {
        file: READS,
        find: "    this.end();\n    return items;",
        replace: "    this.end();\n    return [];",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t6",
    what: "ROLLBACK TO a savepoint undoes nothing",
    world: "nodes",
    patches: [
      {
        file: RUN,
        find: "connection.exec(`ROLLBACK TO ${name}`);",
        replace: "if (this.#frame.startedMicros < 0) connection.exec(`ROLLBACK TO ${name}`);",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t7",
    what: "a conflict leaves what ran before it",
    world: "sqlite",
    patches: [
      {
        file: "src/machine/database-file.ts",
        find: 'if (!isSingle) this.#connection.exec("ROLLBACK TO command; RELEASE command");',
        replace: 'if (!isSingle) this.#connection.exec("RELEASE command");',
      },
    ],
    seedsMax: 300,
  },
  {
    id: "t8",
    what: "a long query after short ones does not see whether those still hold",
    world: "nodes",
    patches: [
      {
        file: READS,
        find: "if (!sameDigest(again, digest)) throw serializationFailure();",
        replace: "",
      },
    ],
    seedsMax: 1000,
  },
  {
    id: "t9",
    what: "a statement that its client gave up goes on in whatever transaction is open by then",
    world: "nodes",
    patches: [
      // Each of the three looks is enough.
      { file: "src/machine/stop.ts", find: "if (this.#isAsked) throw stopped();", replace: "" },
      {
        file: "src/node/transaction-block.ts",
        find: "if (this.#isOver) throw transactionEnded();",
        replace: "",
      },
      {
        file: "src/node/session-transactions.ts",
        find: "this.#dispatch(open, translation, wanted)",
        replace: "this.#dispatch(this.#block ?? this.#begin(true), translation, wanted)",
      },
    ],
    seedsMax: 1000,
  },
];
