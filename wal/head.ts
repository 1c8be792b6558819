/**
 * The number of the newest segment that ever had its name, beside the log, in two copies
 * (metadata.ts): `head.a` and `head.b`. Every other segment is missed by the one behind it; without
 * this nothing would miss the newest (faults D13).
 *
 * It is raised after the segment has its name and before anything in it is acknowledged. So a crash
 * in between leaves it one behind, which claims nothing, and it never names a segment that was not
 * there.
 */
import type { Files } from "../src/base/files.ts";
import { Metadata, MetadataError } from "./metadata.ts";
import { getU64, setU64, viewOf } from "./record.ts";

const NAME = "head";
const CONTENT_BYTES = 8;

export class Head {
  readonly #metadata: Metadata;

  private constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  /** Both copies unreadable: the witness is lost and a new one begun. The segments speak for themselves. */
  static async open(files: Files, directory: string): Promise<Head> {
    try {
      return new Head(await Metadata.open(files, directory, NAME));
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      for (const name of await files.list(directory)) {
        if (name.startsWith(`${NAME}.`)) await files.remove(`${directory}/${name}`);
      }
      return new Head(await Metadata.open(files, directory, NAME));
    }
  }

  /** 0 in a new log, and in one of an earlier release until its next segment. */
  get number(): number {
    const { content } = this.#metadata;
    return content?.length === CONTENT_BYTES ? getU64(viewOf(content), 0) : 0;
  }

  /** Durable when resolved. */
  async raise(number: number): Promise<void> {
    const content = new Uint8Array(CONTENT_BYTES);
    setU64(viewOf(content), 0, number);
    await this.#metadata.write(content);
  }
}
