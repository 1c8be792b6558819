/** Answers of the cluster that are nobody's mistake: what the client may conclude from each. */
import { SqlError } from "../sql/errors.ts";

/** 57P03: nothing of the statement was ever proposed; it certainly did not and will not run. */
export function neverProposed(missing: string): SqlError {
  return new SqlError("57P03", `the statement was not run: ${missing}`, {
    hint: "Nothing was changed. Try again when enough nodes are up; `synod status` shows them.",
  });
}

/** 40003: it may have run, or may still run, or never will. */
export function outcomeUnknown(why: string): SqlError {
  return new SqlError("40003", `it is not known whether the statement took effect: ${why}`, {
    hint: "It ran at most once. Read what it would have changed before you send it again.",
  });
}

/** 57P01: the client's advisory locks went with the gateway's session, and somebody else may have them. */
export function locksReleased(): SqlError {
  return new SqlError(
    "57P01",
    "the statement was not run: the connection's advisory locks were released",
    {
      detail: "The cluster had not heard of this node for too long and closed its session.",
      hint: "Connect again and take them anew.",
    },
  );
}

/** 57P01: this node is stopping. */
export function stopping(): SqlError {
  return new SqlError("57P01", "this node is stopping", {
    hint: "Connect to another node.",
  });
}

/** 40001: the transaction's client was shown what no longer holds. Nothing of it took effect. */
export function serializationFailure(): SqlError {
  return new SqlError("40001", "could not serialize access due to concurrent update", {
    detail: "What the transaction has read or changed was changed by another one meanwhile.",
    hint: "The transaction might succeed if retried.",
  });
}
