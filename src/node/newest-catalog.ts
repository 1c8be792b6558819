/**
 * Translates against the newest schema. The catalog that this node knows may lag behind what was
 * acknowledged elsewhere: if a statement makes no sense there, the node makes sure that its catalog is
 * the newest before it says so.
 */
import { StaleSchemaError } from "../machine/state-machine.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import type { Translation } from "../sql/translation.ts";
import { NotPrepared } from "../sql/translation-cache.ts";
import type { KnownDatabase } from "./catalogs.ts";
import type { Gateway } from "./gateway.ts";
import type { SessionState } from "./session-state.ts";

/** How often a statement is translated anew because the schema keeps moving. */
const TRANSLATIONS_MAX = 20;

/** The statement makes no sense against the catalog that this node knows. */
class Untranslatable extends Error {
  readonly error: SqlError;

  constructor(error: SqlError) {
    super(error.message, { cause: error });
    this.error = error;
  }
}

export class NewestCatalog {
  readonly #gateway: Gateway;
  readonly #state: SessionState;

  constructor(gateway: Gateway, state: SessionState) {
    this.#gateway = gateway;
    this.#state = state;
  }

  /** To be called by an attempt of `run` only, which knows what to do about the error. */
  translate(
    statement: ParsedStatement,
    catalog: Catalog,
    parameterTypes: readonly number[],
  ): Translation {
    const { translations, database } = this.#state;
    try {
      return translations.translate(statement, {
        catalog,
        databaseName: database.name,
        parameterTypes,
      });
    } catch (error) {
      throw error instanceof SqlError ? new Untranslatable(error) : error;
    }
  }

  /**
   * Runs `attempt`, again if it ran against a catalog that is not the newest. Nothing has run when
   * the catalog turns out to have moved. Throws SqlError, 40001 if it keeps moving.
   */
  async run<Result>(attempt: (database: KnownDatabase) => Promise<Result>): Promise<Result> {
    const { stop } = this.#state;
    for (let left = TRANSLATIONS_MAX; left > 0; left -= 1) {
      // Nothing runs for a client that no longer waits, and may do something else by now.
      stop.check();
      const database = this.#database();
      try {
        return await attempt(database);
      } catch (error) {
        if (error instanceof Untranslatable) await this.#refuseIfNewest(error.error, database);
        else if (error instanceof StaleSchemaError) await this.#awaitNewest();
        else if (error instanceof NotPrepared) {
          stop.check();
          await this.#state.prepare(error);
        } else throw error;
      }
    }
    throw new SqlError("40001", "the schema kept changing while the statement was translated", {
      hint: "Nothing was changed. Send it again.",
    });
  }

  /** Throws StaleSchemaError unless the catalog is the newest. */
  async refuseOlder({ catalog }: KnownDatabase): Promise<void> {
    await this.#awaitNewest();
    if (this.#database().catalog !== catalog) throw new StaleSchemaError("the schema has changed");
  }

  /** Throws the translator's error unless the catalog that it looked at has been replaced since. */
  async #refuseIfNewest(error: SqlError, database: KnownDatabase): Promise<void> {
    const isAboutCatalog = error.sqlState !== SYNTAX_ERROR && error.sqlState !== NOT_SUPPORTED;
    if (isAboutCatalog && !this.#state.consistency.stale) await this.#awaitNewest();
    if (this.#database().catalog === database.catalog) throw error;
  }

  #database(): KnownDatabase {
    return this.#gateway.databaseNow(this.#state.database);
  }

  /** The catalog in memory follows the state machine; a read index makes sure that it is there. */
  #awaitNewest(): Promise<void> {
    return this.#gateway.mayRead({ stale: false, maxStalenessMs: 0 });
  }
}

const SYNTAX_ERROR = "42601";
const NOT_SUPPORTED = "0A000";
