/**
 * The COPY states of one client, in either protocol (PostgreSQL manual, 55.2.6).
 *
 *   COPY … FROM STDIN ──CopyInResponse──► copy-in ──CopyDone──► the statement's end
 *                                          │  └──CopyData, Flush, Sync──► copy-in
 *                                          └──CopyFail, any other, an error in the data──► ErrorResponse
 *
 *   COPY … TO STDOUT ──CopyOutResponse──► copy-out: CopyData for each row, CopyDone ──► the statement's end
 *
 * Of what comes in, no more waits here than one message and COPY_STEP_BYTES; what goes out goes as the
 * client takes it.
 */

import { CopyLines } from "../sql/copy/copy-lines.ts";
import type { CopyInResult, CopyIntake, CopyOutResult } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { TextSettings } from "../sql/types/pg-type.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { BackendWriter } from "./backend.ts";
import type { Frame, LengthLimit } from "./frame.ts";
import { decodeFrontend, isCopyData } from "./frontend.ts";
import type { MessageInput } from "./input.ts";
import { COPY_STEP_BYTES } from "./limits.ts";
import { type ClientOutput, ConnectionLost, type RowForm } from "./output.ts";
import { RowEncoder } from "./values.ts";

export class CopyTransfer {
  readonly #input: MessageInput;
  readonly #output: ClientOutput;
  readonly #limitOf: LengthLimit;
  #isReceiving = false;

  constructor(input: MessageInput, output: ClientOutput, limitOf: LengthLimit) {
    this.#input = input;
    this.#output = output;
    this.#limitOf = limitOf;
  }

  /** Whether a COPY FROM waits for its client, which is no idle session. */
  get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /**
   * Takes the data of a COPY FROM. Throws SqlError: what is wrong with the data, 57014 for CopyFail, 08P01
   * for a message that has no place here; ConnectionLost.
   */
  async receive({ columnCount, intake }: CopyInResult): Promise<void> {
    this.#isReceiving = true;
    try {
      this.#output.writer.copyInResponse(columnCount);
      await this.#output.flush();
      await this.#takeAll(intake);
      this.#output.writer.commandComplete(await intake.finish());
    } catch (error) {
      intake.abort();
      throw error;
    } finally {
      this.#isReceiving = false;
    }
  }

  /** Sends the rows of a COPY TO. Throws SqlError, ConnectionLost. */
  async send(result: CopyOutResult, settings: TextSettings): Promise<void> {
    const { writer } = this.#output;
    const { columns, header, rows } = result;
    let exhausted = false;
    try {
      const lines = new CopyLines(result.format, result.forceQuote);
      writer.copyOutResponse(columns.length);
      if (header !== null) writer.copyData(lines.header(header));
      const form = new LineForm(lines, new RowEncoder(columns, [], settings));
      const sent = await this.#output.rows(rows, form, 0);
      exhausted = true;
      writer.copyDone();
      writer.commandComplete(result.tag(sent.count));
    } finally {
      if (!exhausted) rows.close();
    }
  }

  async #takeAll(intake: CopyIntake): Promise<void> {
    let parts: Uint8Array[] = [];
    let bytes = 0;
    const handOver = async (): Promise<void> => {
      const [first = new Uint8Array(0), second] = parts;
      const whole = second === undefined ? first : Buffer.concat(parts, bytes);
      parts = [];
      bytes = 0;
      if (whole.length > 0) await intake.write(whole);
    };
    for (;;) {
      const here = this.#input.messageHere(this.#limitOf);
      // Whoever sends slowly is told of a mistake before the end.
      if (here === null) await handOver();
      const frame = here ?? (await this.#input.message(this.#limitOf));
      if (frame === null) throw new ConnectionLost("the client has gone within a COPY");
      if (isCopyData(frame.type)) {
        parts.push(frame.body);
        bytes += frame.body.length;
        if (bytes >= COPY_STEP_BYTES) await handOver();
        continue;
      }
      // What is wrong with the lines comes before what ends them.
      await handOver();
      try {
        if (isEndOfData(frame)) return;
      } catch (error) {
        throw error instanceof SqlError ? intake.placed(error) : error;
      }
    }
  }
}

/** Throws for what ends the copy without its data being complete. */
function isEndOfData(frame: Frame): boolean {
  const message = decodeFrontend(frame);
  switch (message.kind) {
    case "copyDone":
      return true;
    case "flush":
    case "sync":
      return false;
    case "copyFail":
      throw new SqlError("57014", `COPY from stdin failed: ${message.reason}`);
    case "terminate":
      throw new ConnectionLost("the client has gone within a COPY");
    default: {
      const type = frame.type.toString(16).toUpperCase().padStart(2, "0");
      throw new SqlError("08P01", `unexpected message type 0x${type} during COPY from stdin`);
    }
  }
}

/** A row as a line in a CopyData message of its own. */
class LineForm implements RowForm {
  readonly #lines: CopyLines;
  readonly #encoder: RowEncoder;

  constructor(lines: CopyLines, encoder: RowEncoder) {
    this.#lines = lines;
    this.#encoder = encoder;
  }

  write(writer: BackendWriter, row: readonly SqliteValue[]): void {
    writer.copyData(this.#lines.line(this.#encoder.texts(row)));
  }
}
