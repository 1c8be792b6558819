import type { FuncCall } from "libpg-query";
import type { Catalog } from "../catalog/catalog.ts";
import { SqlError, type SqlErrorFields } from "../errors.ts";
import type { Resolved } from "../postgres-text/deparser.ts";
import type { ParameterSource, SessionFact } from "../translation.ts";
import { OID } from "../types/oids.ts";

export interface StatementText {
  readonly text: string;
  readonly position: number;
  readonly byteOffset: number;
}

export interface StatementSettings {
  readonly catalog: Catalog;
  readonly databaseName: string;
  /** OIDs the client gave, 0 for those to infer; null where parameters are not allowed. */
  readonly parameterTypes: readonly number[] | null;
  readonly source: StatementText;
}

/** What one statement's translation gathers while its parts are translated. */
export class StatementState {
  readonly catalog: Catalog;
  readonly databaseName: string;
  readonly #source: StatementText;
  readonly #parametersAllowed: boolean;
  readonly #types: number[];
  readonly #sources: ParameterSource[] = [];
  /** By the number of a client's parameter, or the fact. */
  readonly #placeholders = new Map<number | SessionFact, string>();
  readonly #aliases = new Set<string>();
  readonly #literalTypes = new Map<number, number>();
  readonly #stars = new Map<number, readonly string[]>();
  /** Reads pg_catalog or information_schema, or asks a function that looks into them. */
  usesSystemRelations = false;
  /** Calls nextval() or setval(). */
  changesSequences = false;
  /** Says FOR UPDATE or its like, anywhere. */
  locksRows = false;
  /** See Step.mayRunLong. */
  mayRunLong = false;
  /** The calls of advisory lock functions that the gateway answers: those in any other place are refused. */
  lockCalls: ReadonlySet<FuncCall> = new Set();
  /** Calls something whose answer depends on more than its arguments. */
  volatile = false;

  constructor(settings: StatementSettings) {
    this.catalog = settings.catalog;
    this.databaseName = settings.databaseName;
    this.#source = settings.source;
    this.#parametersAllowed = settings.parameterTypes !== null;
    this.#types = (settings.parameterTypes ?? []).map((oid) => (oid === OID.unknown ? 0 : oid));
  }

  /** What the statement's text says once names and types are resolved. */
  get resolved(): Resolved {
    return { literalTypes: this.#literalTypes, stars: this.#stars };
  }

  noteLiteral(location: number, typeOid: number): void {
    this.#literalTypes.set(location, typeOid);
  }

  noteStar(location: number, columns: readonly string[]): void {
    this.#stars.set(location, columns);
  }

  get parameters(): readonly ParameterSource[] {
    return this.#sources;
  }

  /** Every parameter's type; 42P18 for one whose type nothing has told. */
  resolvedParameterTypes(): readonly number[] {
    return this.#types.map((oid, index) => {
      if (oid === 0) {
        throw new SqlError("42P18", `could not determine data type of parameter $${index + 1}`);
      }
      return oid;
    });
  }

  /** OID of $number, 0 while it is unknown. Throws 42P02 where parameters have no place. */
  parameterType(number: number, location: number): number {
    if (!this.#parametersAllowed || number < 1 || number > 65535) {
      throw this.error("42P02", `there is no parameter $${number}`, location);
    }
    while (this.#types.length < number) {
      this.#types.push(0);
    }
    return this.#types[number - 1] ?? 0;
  }

  /** The first context that a parameter of unknown type is used in gives it its type. */
  setParameterType(number: number, typeOid: number): void {
    this.#types[number - 1] = typeOid;
  }

  clientParameter(number: number): string {
    return this.#placeholder(number, { from: "client", number });
  }

  sessionFact(fact: SessionFact): string {
    return this.#placeholder(fact, { from: "session", fact });
  }

  /**
   * The session's time zone, which what converts between moments and clocks depends on. A stored
   * expression runs where no session is known: it has UTC, and is not immutable.
   */
  timeZone(): string {
    if (this.#parametersAllowed) {
      return this.sessionFact("setting:TimeZone");
    }
    this.volatile = true;
    return "'UTC'";
  }

  #placeholder(key: number | SessionFact, source: ParameterSource): string {
    const known = this.#placeholders.get(key);
    if (known !== undefined) return known;
    this.#sources.push(source);
    const made = `?${this.#sources.length}`;
    this.#placeholders.set(key, made);
    return made;
  }

  /**
   * A name for a FROM item that no other of the statement has, in any letter case: SQLite folds
   * case where PostgreSQL does not, and an inner name must never hide an outer one by accident.
   */
  alias(wanted: string): string {
    let candidate = wanted;
    for (let count = 1; this.#aliases.has(candidate.toLowerCase()); count += 1) {
      candidate = `${wanted}_${count}`;
    }
    this.#aliases.add(candidate.toLowerCase());
    return candidate;
  }

  /** 1-based character position in the whole text of a tree location (UTF-8 bytes). */
  position(location: number | undefined): number | undefined {
    if (location === undefined || location < this.#source.byteOffset) {
      return location === 0 || location === undefined ? this.#source.position + 1 : undefined;
    }
    const bytes = Buffer.from(this.#source.text, "utf8");
    const before = bytes.subarray(0, location - this.#source.byteOffset).toString("utf8");
    return this.#source.position + Array.from(before).length + 1;
  }

  error(
    sqlState: string,
    message: string,
    location?: number,
    fields: SqlErrorFields = {},
  ): SqlError {
    const position = location === undefined ? undefined : this.position(location);
    return new SqlError(
      sqlState,
      message,
      position === undefined ? fields : { ...fields, position },
    );
  }

  notSupported(feature: string, location?: number): SqlError {
    return this.error("0A000", `${feature} is not supported`, location);
  }

  /** Runs `action` and gives an SqlError of its own without a position that of `location`. */
  located<T>(location: number, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof SqlError && error.fields.position === undefined) {
        throw this.error(error.sqlState, error.message, location, error.fields);
      }
      throw error;
    }
  }
}
