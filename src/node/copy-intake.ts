/** The data of a COPY FROM on its way from a client into a transaction. */
import { TRANSACTION_BYTES_MAX } from "../base/limits.ts";
import { type CopyChunk, CopyChunks } from "../sql/copy/copy-chunks.ts";
import type { CopyInResult, CopyIntake } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { CopyInTranslation } from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Stops } from "./row-sources.ts";

/** Where chunks of lines go. */
export interface CopyTarget {
  /** Throws SqlError: the COPY has failed. */
  insert(chunk: CopyChunk): Promise<void>;
  /** All chunks were given; resolves with the number of rows that are there now. */
  finish(): Promise<number>;
  /** There will be no more chunks, and nothing of them takes effect. */
  abort(): void;
}

/** What pgwire is given for a COPY FROM. */
export function copyInResult(
  { data, tag }: CopyInTranslation,
  target: CopyTarget,
  stops: Stops,
): CopyInResult {
  const chunks = new CopyChunks(data);
  const insertAll = async (complete: readonly CopyChunk[]): Promise<void> => {
    for (const chunk of complete) {
      stops.stop.check();
      await target.insert(chunk);
    }
  };
  const intake: CopyIntake = {
    async write(bytes) {
      stops.stop.check();
      await insertAll(chunks.push(bytes));
    },
    async finish() {
      stops.stop.check();
      await insertAll(chunks.finish());
      return `${tag} ${await target.finish()}`;
    },
    abort: () => target.abort(),
  };
  return { kind: "copyIn", columnCount: data.columns.length, intake };
}

/** The parameters of a chunk's INSERT, see CopyInTranslation. */
export function chunkParameters({ text, linesBefore, lineEnd }: CopyChunk): SqliteValue[] {
  return [text, BigInt(linesBefore), lineEnd];
}

/** Chunks that wait until all are there, to become one command of the log. */
export class GatheredCopy implements CopyTarget {
  readonly #write: (chunks: readonly CopyChunk[]) => Promise<number>;
  #chunks: CopyChunk[] = [];
  #bytes = 0;

  constructor(write: (chunks: readonly CopyChunk[]) => Promise<number>) {
    this.#write = write;
  }

  async insert(chunk: CopyChunk): Promise<void> {
    this.#bytes += Buffer.byteLength(chunk.text);
    if (this.#bytes > TRANSACTION_BYTES_MAX) {
      throw new SqlError(
        "54000",
        `the data of COPY is too large: a transaction has at most ${TRANSACTION_BYTES_MAX} bytes`,
        { hint: "Split it into several COPY statements, each in a transaction of its own." },
      );
    }
    this.#chunks.push(chunk);
    await Promise.resolve();
  }

  async finish(): Promise<number> {
    return this.#chunks.length === 0 ? 0 : this.#write(this.#chunks);
  }

  abort(): void {
    this.#chunks = [];
  }
}
