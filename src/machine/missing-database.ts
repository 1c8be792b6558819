import { SqlError } from "../sql/errors.ts";

/** The error for a database that is gone. */
export function missingDatabase(): SqlError {
  return new SqlError("3D000", "the database does not exist");
}
