/**
 * One session's statements: translates, decides where each runs, and makes results for the
 * protocol.
 *
 * | translation              | runs                                                     |
 * | read, explain            | on this node, when its read index is applied             |
 * | write, schema            | in the log                                               |
 * | several with one of those| as one command of the log: all or nothing (an implicit transaction) |
 * | createDatabase, dropDatabase | a log command of its own, never together with others |
 * | set, show, reset, …      | in the session                                           |
 */
import { unreachable } from "../base/assert.ts";
import type { CommandStatement } from "../machine/command.ts";
import { StaleSchemaError, type StatementOutcome } from "../machine/state-machine.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { ColumnDescription, RowSource, StatementResult } from "../sql/database.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import type {
  ExplainTranslation,
  ParameterSource,
  ReadTranslation,
  SchemaTranslation,
  SettingTranslation,
  TransactionTranslation,
  Translation,
  WriteTranslation,
} from "../sql/translation.ts";
import { OID } from "../sql/types/oids.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { KnownDatabase } from "./catalogs.ts";
import { formatPlan } from "./explain.ts";
import { bindStep, type Gateway, rowsOf } from "./gateway.ts";
import { MemoryRows } from "./row-sources.ts";
import type { SessionState } from "./session-state.ts";

type Logged = ReadTranslation | WriteTranslation | SchemaTranslation;

/** How often a statement is translated anew because the schema keeps moving. */
const TRANSLATIONS_MAX = 20;

export class StatementRunner {
  readonly #gateway: Gateway;
  readonly #state: SessionState;

  constructor(gateway: Gateway, state: SessionState) {
    this.#gateway = gateway;
    this.#state = state;
  }

  /** The translation against the newest catalog. */
  translate(statement: ParsedStatement, parameterTypes: readonly number[]): Translation {
    return this.#translate(statement, this.#database().catalog, parameterTypes);
  }

  /** Runs one statement by itself. */
  async run(
    statement: ParsedStatement,
    parameterTypes: readonly number[],
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    return this.#retryOnNewSchema(async () => {
      const database = this.#database();
      const translation = this.#translate(statement, database.catalog, parameterTypes);
      const result = await this.#runOne(translation, database, parameters);
      return translation.notices === undefined
        ? result
        : { ...result, notices: translation.notices };
    });
  }

  /** Runs the statements of one simple query in an implicit transaction. */
  async runTogether(statements: readonly ParsedStatement[]): Promise<StatementResult[]> {
    return this.#retryOnNewSchema(async () => {
      const database = this.#database();
      const { translations, catalog } = this.#translateAll(statements, database.catalog);
      for (const translation of translations) refuseInTransaction(translation);
      if (!translations.some(changesSomething)) return this.#runEach(translations, database);
      return this.#runAsOneCommand(translations, database, catalog.version);
    });
  }

  async #runEach(
    translations: readonly Translation[],
    database: KnownDatabase,
  ): Promise<StatementResult[]> {
    const results: StatementResult[] = [];
    for (const translation of translations) {
      const result = await this.#runOne(translation, database, []);
      const { notices } = translation;
      results.push(notices === undefined ? result : { ...result, notices });
    }
    return results;
  }

  async #runOne(
    translation: Translation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    switch (translation.kind) {
      case "read":
        return this.#read(translation, database, parameters);
      case "explain":
        return this.#explain(translation, database, parameters);
      case "write":
      case "schema":
        return this.#write(translation, database, parameters);
      case "createDatabase":
      case "dropDatabase": {
        if (translation.kind === "dropDatabase") this.#refuseOwn(translation.database);
        const { database: name, missingOk } = translation;
        await this.#gateway.changeDatabases(translation.kind, name, missingOk);
        return { kind: "command", tag: translation.tag };
      }
      case "transaction":
        return transactionControl(translation);
      case "noEffect":
        return { kind: "command", tag: translation.tag };
      default:
        return this.#setting(translation);
    }
  }

  async #read(
    translation: ReadTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    await this.#gateway.mayRead(this.#state.consistency);
    const { sql, parameters: bound } = bindStep(translation.step, this.#valueOf(parameters));
    const rows = await this.#gateway.read({
      database: database.info.id,
      catalogVersion: database.catalog.version,
      sql,
      parameters: bound,
      usesSystemRelations: translation.usesSystemRelations,
    });
    return rowsResult(translation, rows);
  }

  async #explain(
    translation: ExplainTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    await this.#gateway.mayRead(this.#state.consistency);
    const { sql, parameters: bound } = bindStep(translation.target, this.#valueOf(parameters));
    const plan = await this.#gateway.read({
      database: database.info.id,
      catalogVersion: database.catalog.version,
      sql: `EXPLAIN QUERY PLAN ${sql}`,
      parameters: bound,
      usesSystemRelations: false,
    });
    const lines = formatPlan(await all(plan));
    return rowsResult(translation, new MemoryRows(lines.map((line) => [line])));
  }

  async #write(
    translation: WriteTranslation | SchemaTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { version } = database.catalog;
    const done = await this.#gateway.write({
      database: database.info.id,
      catalogVersion: version,
      catalogVersionAfter: translation.kind === "schema" ? translation.catalog.version : version,
      statements: [this.#command(translation, parameters)],
    });
    const [outcome] = done.results;
    return outcome === undefined
      ? { kind: "command", tag: translation.tag }
      : resultOf(translation, outcome);
  }

  async #runAsOneCommand(
    translations: readonly Translation[],
    database: KnownDatabase,
    versionAfter: number,
  ): Promise<StatementResult[]> {
    const logged = translations.filter(goesToLog);
    const done = await this.#gateway.write({
      database: database.info.id,
      catalogVersion: database.catalog.version,
      catalogVersionAfter: versionAfter,
      statements: logged.map((translation) => this.#command(translation, [])),
    });
    const outcomes = [...done.results];
    const results: StatementResult[] = [];
    for (const translation of translations) {
      const outcome = goesToLog(translation) ? outcomes.shift() : undefined;
      const result =
        goesToLog(translation) && outcome !== undefined
          ? resultOf(translation, outcome)
          : await this.#runOne(translation, database, []);
      const { notices } = translation;
      results.push(notices === undefined ? result : { ...result, notices });
    }
    return results;
  }

  #command(translation: Logged, parameters: readonly SqliteValue[]): CommandStatement {
    const steps = translation.kind === "schema" ? translation.steps : [translation.step];
    return {
      kind: translation.kind,
      steps: steps.map((step) => bindStep(step, this.#valueOf(parameters))),
      returnsRows: translation.columns !== null,
      rebuildsTables: translation.kind === "schema" && translation.rebuildsTables,
    };
  }

  #setting(translation: SettingTranslation): StatementResult {
    const { settings } = this.#state;
    switch (translation.kind) {
      case "set":
        settings.set(translation.name, translation.value);
        break;
      case "reset":
        settings.reset(translation.name);
        break;
      case "resetAll":
      case "discardAll":
        settings.resetAll();
        break;
      case "show":
        return this.#show(translation);
    }
    return { kind: "command", tag: translation.tag };
  }

  #show(translation: SettingTranslation): StatementResult {
    const { settings } = this.#state;
    const rows =
      translation.name === "all"
        ? settings.all().map(([name, value]) => [name, value, ""])
        : [[settings.show(translation.name)]];
    const columns = translation.columns ?? [textColumn(translation.name)];
    return { kind: "rows", columns, rows: new MemoryRows(rows), tag: () => translation.tag };
  }

  #translate(
    statement: ParsedStatement,
    catalog: Catalog,
    parameterTypes: readonly number[],
  ): Translation {
    return this.#state.translations.translate(statement, {
      catalog,
      databaseName: this.#state.database.name,
      parameterTypes,
    });
  }

  /** Each statement sees the schema that those before it leave. */
  #translateAll(statements: readonly ParsedStatement[], initial: Catalog) {
    let catalog = initial;
    const translations = statements.map((statement) => {
      const translation = this.#translate(statement, catalog, []);
      if (translation.kind === "schema") catalog = translation.catalog;
      return translation;
    });
    return { translations, catalog };
  }

  #valueOf(parameters: readonly SqliteValue[]) {
    return (source: ParameterSource): SqliteValue => {
      switch (source.from) {
        case "client":
          return parameters[source.number - 1] ?? null;
        case "constant":
          return source.value;
        case "session":
          return this.#state.fact(source.fact);
        default:
          return unreachable(source);
      }
    };
  }

  #database(): KnownDatabase {
    const database = this.#gateway.catalogs.byId(this.#state.database.id);
    if (database !== undefined) return database;
    throw new SqlError("3D000", `database "${this.#state.database.name}" was dropped`, {
      hint: "Connect to another database.",
    });
  }

  #refuseOwn(name: string): void {
    if (name === this.#state.database.name) {
      throw new SqlError("55006", "cannot drop the currently open database");
    }
  }

  async #retryOnNewSchema<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (let left = TRANSLATIONS_MAX; ; left -= 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof StaleSchemaError) || left === 0) throw error;
        // The catalog in memory follows the state machine; a read index makes sure that it is there.
        await this.#gateway.mayRead({ stale: false, maxStalenessMs: 0 });
      }
    }
  }
}

function goesToLog(translation: Translation): translation is Logged {
  return (
    translation.kind === "read" || translation.kind === "write" || translation.kind === "schema"
  );
}

function changesSomething(translation: Translation): boolean {
  return translation.kind === "write" || translation.kind === "schema";
}

function refuseInTransaction(translation: Translation): void {
  if (translation.kind === "createDatabase" || translation.kind === "dropDatabase") {
    throw new SqlError("25001", `${translation.tag} cannot run inside a transaction block`);
  }
  if (translation.kind === "read" && translation.usesSystemRelations) return;
}

/** Interactive transactions are not there yet; ending one that never began is harmless. */
function transactionControl(translation: TransactionTranslation): StatementResult {
  if (translation.action !== "commit" && translation.action !== "rollback") {
    throw notSupported(`${translation.tag} (interactive transactions)`, {
      hint: "Send the statements in one query, separated by semicolons: they run as one transaction.",
    });
  }
  const notice = {
    severity: "WARNING",
    sqlState: "25P01",
    message: "there is no transaction in progress",
  };
  return { kind: "command", tag: translation.tag, notices: [notice] };
}

function resultOf(translation: Logged, outcome: StatementOutcome): StatementResult {
  if (translation.columns !== null) {
    return rowsResult(translation, new MemoryRows(rowsOf(outcome)));
  }
  const { tag, tagCounts } = translation;
  return { kind: "command", tag: tagCounts ? `${tag} ${outcome.count}` : tag };
}

function rowsResult(translation: Translation, rows: RowSource): StatementResult {
  const { tag, tagCounts } = translation;
  return {
    kind: "rows",
    columns: translation.columns ?? [],
    rows,
    tag: (count) => (tagCounts ? `${tag} ${count}` : tag),
  };
}

async function all(rows: RowSource): Promise<(readonly SqliteValue[])[]> {
  const gathered: (readonly SqliteValue[])[] = [];
  for (;;) {
    const page = await rows.next(1000);
    if (page.length === 0) return gathered;
    gathered.push(...page);
  }
}

function textColumn(name: string): ColumnDescription {
  return { name, typeOid: OID.text, typeModifier: -1, tableOid: 0, columnNumber: 0 };
}
