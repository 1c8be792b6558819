/** The statements of one simple query as one command of the log. */
import { notSupported, SqlError } from "../sql/errors.ts";
import type {
  NoEffectTranslation,
  SettingTranslation,
  TransactionTranslation,
  Translation,
} from "../sql/translation.ts";
import type { Logged } from "./statement-results.ts";

/** What the session does by itself, at once. */
export type InSession = SettingTranslation | TransactionTranslation | NoEffectTranslation;

/** Throws SqlError 25001 for what PostgreSQL runs in no transaction. */
export function refuseInTransaction(translations: readonly Translation[]): void {
  const refused = translations.find(
    ({ kind }) => kind === "createDatabase" || kind === "dropDatabase",
  );
  if (refused === undefined) return;
  throw new SqlError("25001", `${refused.tag} cannot run inside a transaction block`);
}

/** Throws SqlError 0A000 for what cannot run together with statements that change something. */
export function asOneCommand(
  translations: readonly Translation[],
): readonly (Logged | InSession)[] {
  return translations.map((translation, at) =>
    inCommand(translation, at === translations.length - 1),
  );
}

const ALONE = { hint: "Send it in a query of its own." };
const NO_BEGIN = {
  hint: "The statements of one query run as one transaction, without BEGIN and COMMIT.",
};

function inCommand(translation: Translation, isLast: boolean): Logged | InSession {
  switch (translation.kind) {
    case "explain":
    case "createDatabase":
    case "dropDatabase":
      throw besideChanges(translation.tag, ALONE);
    case "read":
      if (translation.usesSystemRelations)
        throw besideChanges("reading the system catalogs", ALONE);
      return translation;
    case "transaction":
      // The end of the query commits anyway; anything else would cut the command in two.
      if (translation.action === "commit" && isLast) return translation;
      throw besideChanges(translation.tag, NO_BEGIN);
    default:
      return translation;
  }
}

function besideChanges(what: string, fields: typeof ALONE): SqlError {
  return notSupported(`${what} in one query with statements that change something`, fields);
}
