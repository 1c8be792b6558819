import type pg from "pg";

/** BEGIN … COMMIT around `work`, each statement a message of its own; a failure leaves the client idle. */
export async function inTransaction<Result>(
  client: pg.Client,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query("BEGIN");
  let result: Result;
  try {
    result = await work();
  } catch (error) {
    // If the connection is lost, so is the transaction.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
  await client.query("COMMIT");
  return result;
}
