/** One operation of one client, and what it needs for it. */
import type { Random } from "../../../../src/base/random.ts";
import type { SimulatedNode } from "../../../support/simulated-node.ts";
import { type ClientConnection, codeOf } from "./client-connection.ts";
import { type ClientRecord, GaveUp } from "./client-record.ts";

export interface Turn {
  readonly node: SimulatedNode;
  readonly connection: ClientConnection;
  readonly random: Random;
  readonly record: ClientRecord;
  /** A pause as long as a client may think, or none. */
  readonly think: () => Promise<void>;
}

export interface Frame {
  readonly begin: "BEGIN" | "BEGIN READ ONLY";
  readonly end: "COMMIT" | "ROLLBACK";
}

/** Rejects with what a statement or the end answered; the session is idle then, too. */
export async function inTransaction<Result>(
  { connection, record }: Turn,
  { begin, end }: Frame,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    await connection.say(begin);
    const result = await work();
    await connection.say(end);
    return result;
  } catch (error) {
    const early = !connection.isIdle;
    if (codeOf(error) === "40001") record.reached(early ? "early conflict" : "late conflict");
    if (early) await connection.rollback();
    // Given up before its COMMIT, it is as if it had never been.
    throw early && codeOf(error) === "57014" ? new GaveUp() : error;
  }
}
