import type { Catalog } from "./catalog/catalog.ts";
import type { ParsedStatement } from "./parse.ts";
import { type TranslationContext, translate } from "./translate.ts";
import type { Translation } from "./translation.ts";

interface Translated {
  readonly context: TranslationContext;
  readonly translation: Translation;
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

  /** As `translate`, from memory where it can be. */
  translate(statement: ParsedStatement, context: TranslationContext): Translation {
    const last = this.#last.get(statement);
    if (last !== undefined && isSame(last, context)) return last.translation;
    const translation = this.#byText(statement, context);
    this.#last.set(statement, { context, translation });
    return translation;
  }

  #byText(statement: ParsedStatement, context: TranslationContext): Translation {
    if (statement.text.length > TEXT_LENGTH_MAX) return translate(statement, context);
    const translations = this.#translationsOf(context.catalog);
    const key = `${context.databaseName}\0${context.parameterTypes.join()}\0${statement.text}`;
    const known = translations.get(key);
    if (known !== undefined) {
      // Moved to the end: the oldest in use is dropped first.
      translations.delete(key);
      translations.set(key, known);
      return known;
    }
    const translation = translate(statement, context);
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

function isSameTypes(left: readonly number[], right: readonly number[]): boolean {
  return left === right || (left.length === right.length && left.join() === right.join());
}
