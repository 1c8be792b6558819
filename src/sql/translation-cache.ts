import type { Catalog } from "./catalog/catalog.ts";
import {
  errorOf,
  LARGE_TEXT_MIN,
  type LargeTexts,
  type SqlErrorData,
  type TranslatedStatement,
  wholeOf,
} from "./large-text.ts";
import { type ParsedStatement, parseStatements } from "./parse.ts";
import { type TranslationContext, translate } from "./translate.ts";
import type { Translation } from "./translation.ts";

interface Translated {
  readonly context: TranslationContext;
  readonly translation: Translation;
}

interface Refused {
  readonly context: TranslationContext;
  readonly error: SqlErrorData;
}

/** Thrown for the outline of a statement that was not translated for this context: see `prepare`. */
export class NotPrepared extends Error {
  readonly statement: ParsedStatement;
  readonly context: TranslationContext;

  constructor(statement: ParsedStatement, context: TranslationContext) {
    super("the statement was translated against another catalog");
    this.statement = statement;
    this.context = context;
  }
}

/** Translations kept for one schema version; texts of more characters than the second bound are not kept. */
const ENTRIES_MAX = 2048;
const TEXT_LENGTH_MAX = 16_384;

/**
 * Remembers translations by text and parameter types, for each catalog apart: a catalog never
 * changes, and when nobody holds it any more its translations go with it.
 */
export class TranslationCache {
  /** What became of a statement that is run again and again, as prepared ones are. */
  readonly #last = new WeakMap<ParsedStatement, Translated>();
  readonly #byCatalog = new WeakMap<Catalog, Map<string, Translation>>();
  /** Outlines that make no sense. */
  readonly #refused = new WeakMap<ParsedStatement, Refused>();
  readonly #largeTexts: LargeTexts | null;

  /** Without `largeTexts` no text is large. */
  constructor(largeTexts: LargeTexts | null = null) {
    this.#largeTexts = largeTexts;
  }

  /** Whether a text is to be parsed by `parseLarge`. */
  isLarge(text: string): boolean {
    return text.length >= LARGE_TEXT_MIN && this.#largeTexts !== null;
  }

  /**
   * As `parseStatements`, elsewhere. What comes out is outlines, translated for `context`, which is
   * where they will run if nothing changes meanwhile.
   */
  async parseLarge(
    text: string,
    context: TranslationContext,
    signal: AbortSignal,
  ): Promise<readonly ParsedStatement[]> {
    const translated = await this.#largeTexts?.translate(text, context, signal);
    if (translated === null || translated === undefined) return parseStatements(text);
    for (const one of translated) this.#remember(one.statement, one, context);
    return translated.map(({ statement }) => statement);
  }

  /** Has an outline translated for another context, so that `translate` knows what became of it. */
  async prepare({ statement, context }: NotPrepared, signal: AbortSignal): Promise<void> {
    const { text, position } = statement;
    const [one] = (await this.#largeTexts?.translate(text, context, signal)) ?? [];
    if (one?.outcome?.kind === "error" && one.outcome.error.fields.position !== undefined) {
      const { error } = one.outcome;
      const fields = { ...error.fields, position: (error.fields.position ?? 0) + position };
      this.#refused.set(statement, { context, error: { ...error, fields } });
    } else if (one !== undefined) {
      this.#remember(statement, one, context);
    }
  }

  #remember(
    statement: ParsedStatement,
    { outcome }: TranslatedStatement,
    context: TranslationContext,
  ): void {
    if (outcome?.kind === "error") this.#refused.set(statement, { context, error: outcome.error });
    if (outcome?.kind !== "translation") return;
    this.#last.set(statement, { context, translation: outcome.translation });
  }

  /** As `translate`, from memory where it can be. Throws NotPrepared for an outline that has to be prepared. */
  translate(statement: ParsedStatement, context: TranslationContext): Translation {
    const last = this.#last.get(statement);
    if (last !== undefined && isSame(last, context)) return last.translation;
    if (statement.isOutline === true) this.#refuse(statement, context);
    const translation = this.#byText(statement, context);
    this.#last.set(statement, { context, translation });
    return translation;
  }

  /** Throws what is known about an outline; short ones are translated here. */
  #refuse(statement: ParsedStatement, context: TranslationContext): void {
    const refused = this.#refused.get(statement);
    if (refused !== undefined && isSameContext(refused.context, context)) {
      throw errorOf(refused.error);
    }
    if (statement.text.length >= LARGE_TEXT_MIN) throw new NotPrepared(statement, context);
  }

  #byText(statement: ParsedStatement, context: TranslationContext): Translation {
    if (statement.text.length > TEXT_LENGTH_MAX) {
      return translate(wholeOf(statement), context);
    }
    const translations = this.#translationsOf(context.catalog);
    const key = `${context.databaseName}\0${context.parameterTypes.join()}\0${statement.text}`;
    const known = translations.get(key);
    if (known !== undefined) {
      // Moved to the end: the oldest in use is dropped first.
      translations.delete(key);
      translations.set(key, known);
      return known;
    }
    const translation = translate(wholeOf(statement), context);
    translations.set(key, translation);
    const oldest = translations.keys().next();
    if (translations.size > ENTRIES_MAX && oldest.done !== true) translations.delete(oldest.value);
    return translation;
  }

  #translationsOf(catalog: Catalog): Map<string, Translation> {
    const known = this.#byCatalog.get(catalog);
    if (known !== undefined) return known;
    const translations = new Map<string, Translation>();
    this.#byCatalog.set(catalog, translations);
    return translations;
  }
}

/** Whether it is what would be made; types that were found are as good as if the client had given them. */
function isSame({ context, translation }: Translated, wanted: TranslationContext): boolean {
  return (
    context.catalog === wanted.catalog &&
    context.databaseName === wanted.databaseName &&
    (isSameTypes(translation.parameterTypes, wanted.parameterTypes) ||
      isSameTypes(context.parameterTypes, wanted.parameterTypes))
  );
}

function isSameContext(left: TranslationContext, right: TranslationContext): boolean {
  return (
    left.catalog === right.catalog &&
    left.databaseName === right.databaseName &&
    isSameTypes(left.parameterTypes, right.parameterTypes)
  );
}

function isSameTypes(left: readonly number[], right: readonly number[]): boolean {
  return left === right || (left.length === right.length && left.join() === right.join());
}
