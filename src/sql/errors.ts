/** Errors that a client sees, with the fields of PostgreSQL's ErrorResponse. */

/** Optional fields of an ErrorResponse (PostgreSQL manual, 55.8). */
export interface SqlErrorFields {
  readonly detail?: string;
  readonly hint?: string;
  /** CONTEXT: where in its input the statement was. */
  readonly context?: string;
  /** 1-based character position in the statement. */
  readonly position?: number;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
}

/** The client's statement, or its session, got this answer. `sqlState` is a five-letter SQLSTATE. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly sqlState: string;
  readonly fields: SqlErrorFields;

  constructor(sqlState: string, message: string, fields: SqlErrorFields = {}) {
    super(message);
    this.sqlState = sqlState;
    this.fields = fields;
  }
}

/** Whether the error says that something is too much, or was ended, and nothing about data: classes 53 to 58. */
export function isAboutResources({ sqlState }: SqlError): boolean {
  return sqlState.startsWith("5");
}

/** 0A000: PostgreSQL has it, Synod does not. `feature` names the construct. */
export function notSupported(feature: string, fields: SqlErrorFields = {}): SqlError {
  return new SqlError("0A000", `${feature} is not supported`, fields);
}
