import pg from "pg";

/** A statement was cancelled before COMMIT and the transaction rolled back: nothing of it may ever be seen. */
export class GaveUp extends Error {
  override readonly name = "GaveUp";
}

/** BEGIN … COMMIT around `work`, each statement a message of its own; a failure leaves the client idle. */
export async function inTransaction<Result>(
  client: pg.Client,
  work: () => Promise<Result>,
  end: "COMMIT" | "ROLLBACK" = "COMMIT",
): Promise<Result> {
  let result: Result;
  try {
    await client.query("BEGIN");
    result = await work();
  } catch (error) {
    // If the connection is lost, so is the transaction.
    const isRolledBack = await client.query("ROLLBACK").then(
      () => true,
      () => false,
    );
    const isCancelled = error instanceof pg.DatabaseError && error.code === "57014";
    throw isRolledBack && isCancelled ? new GaveUp("given up", { cause: error }) : error;
  }
  await client.query(end);
  return result;
}
