import { SqlError } from "../sql/errors.ts";

/** An error after which the connection is closed: severity FATAL. */
export class FatalError extends SqlError {}

/** 08P01: what the client sent is not the protocol, so its further bytes mean nothing. */
export function protocolViolation(message: string): FatalError {
  return new FatalError("08P01", message);
}
