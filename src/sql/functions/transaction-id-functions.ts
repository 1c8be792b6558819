/** What became of transactions, by the tables that the state machine keeps (transaction-ids.ts). */
import { SqlError } from "../errors.ts";
import { internal, type LibraryEntry, native } from "./signature.ts";

const STATUS = `(SELECT CASE
  WHEN _synod_done.status IS NOT NULL THEN _synod_done.status
  WHEN _synod_block.first IS NULL THEN CASE
    WHEN $1 > coalesce((SELECT max(last) FROM _synod_xid_blocks), 2) THEN xid_in_future($1)
  END
  WHEN _synod_block.session IN (SELECT session FROM _synod_sessions) THEN 'in progress'
  ELSE 'aborted'
END FROM (SELECT 1) AS _synod_one
LEFT JOIN _synod_transactions AS _synod_done ON _synod_done.xid = $1
LEFT JOIN _synod_xid_blocks AS _synod_block ON $1 BETWEEN _synod_block.first AND _synod_block.last
WHERE $1 IS NOT NULL)`;

export const transactionIdFunctions: readonly LibraryEntry[] = [
  native("pg_xact_status(xid8) text; txid_status(int8) text", STATUS),
  internal("xid_in_future", 1, (xid: bigint) => {
    throw new SqlError("22023", `transaction ID ${xid} is in the future`);
  }),
];
