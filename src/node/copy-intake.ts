/** The data of a COPY FROM on its way from a client into a transaction, of which it is one statement. */
import { TRANSACTION_BYTES_MAX } from "../base/limits.ts";
import { type CopyChunk, CopyChunks } from "../sql/copy/copy-chunks.ts";
import type { CopyInResult, CopyIntake } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { CopyInTranslation } from "../sql/translation.ts";
import type { Stops } from "./row-sources.ts";

/** Inserts all lines; resolves with the number of rows that there are now. Throws SqlError. */
export type InsertLines = (chunks: readonly CopyChunk[]) => Promise<number>;

/** What pgwire is given for a COPY FROM: gathers the data, which is inserted when all of it is there. */
export function copyInResult(
  { data, tag }: CopyInTranslation,
  insert: InsertLines,
  stops: Stops,
): CopyInResult {
  const lines = new CopyChunks(data);
  const gathered = new GatheredLines(lines);
  const intake: CopyIntake = {
    async write(bytes) {
      stops.stop.check();
      gathered.add(bytes);
      await Promise.resolve();
    },
    async finish() {
      stops.stop.check();
      const chunks = gathered.finish();
      return `${tag} ${chunks.length === 0 ? 0 : await insert(chunks)}`;
    },
    placed: (error) => lines.placed(error),
    abort: () => gathered.drop(),
  };
  return { kind: "copyIn", columnCount: data.columns.length, intake };
}

/** Throws SqlError for lines that are none, and 54000 for more than a transaction may hold. */
class GatheredLines {
  readonly #cut: CopyChunks;
  #chunks: CopyChunk[] = [];
  #bytes = 0;

  constructor(cut: CopyChunks) {
    this.#cut = cut;
  }

  add(bytes: Uint8Array): void {
    // Before the lines are known: what is too much is not kept.
    this.#bytes += bytes.length;
    if (this.#bytes > TRANSACTION_BYTES_MAX) throw tooLarge();
    this.#chunks.push(...this.#cut.push(bytes));
  }

  finish(): readonly CopyChunk[] {
    this.#chunks.push(...this.#cut.finish());
    return this.#chunks;
  }

  drop(): void {
    this.#chunks = [];
  }
}

function tooLarge(): SqlError {
  return new SqlError(
    "54000",
    `the data of COPY is too large: a transaction has at most ${TRANSACTION_BYTES_MAX} bytes`,
    { hint: "Split it into several COPY statements, each in a transaction of its own." },
  );
}
