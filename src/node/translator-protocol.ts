/** What crosses between the main thread and the one that translates large texts. */
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { SqlErrorData, TranslatedStatement } from "../sql/large-text.ts";
import type { TranslationContext } from "../sql/translate.ts";

/** One text. The next is sent when this one is answered. */
export interface TranslatorQuestion extends Omit<TranslationContext, "catalog"> {
  readonly text: string;
  /** Null: that of the question before. */
  readonly catalog: Catalog | null;
}

export type TranslatorAnswer =
  | { readonly kind: "statements"; readonly statements: readonly TranslatedStatement[] | null }
  | { readonly kind: "error"; readonly error: SqlErrorData };
