/** All functions and operators that clients may call, by name. */
import { advisoryLockFunctions } from "./advisory-lock-functions.ts";
import { arrayFunctions } from "./array-functions.ts";
import { castFunctions } from "./cast-functions.ts";
import { catalogFunctions } from "./catalog-functions.ts";

import { dateTimeFunctions } from "./date-time-functions.ts";
import { formatFunctions } from "./format-functions.ts";
import { hashFunctions } from "./hash-functions.ts";
import { jsonFunctions } from "./json-functions.ts";
import { mathFunctions } from "./math-functions.ts";
import { numericFunctions } from "./numeric-functions.ts";
import { operators } from "./operators.ts";
import { patternFunctions } from "./pattern-functions.ts";
import { regFunctions } from "./reg-functions.ts";
import { sequenceFunctions } from "./sequence-functions.ts";
import { byName, type LibraryEntry, type Signature } from "./signature.ts";
import { systemFunctions } from "./system-functions.ts";
import { TABLE_SIGNATURES } from "./table-functions.ts";
import { textFunctions } from "./text-functions.ts";
import { transactionIdFunctions } from "./transaction-id-functions.ts";
import { zoneFunctions } from "./zone-functions.ts";

export const libraryEntries: readonly LibraryEntry[] = [
  ...operators,
  ...castFunctions,
  ...textFunctions,
  ...hashFunctions,
  ...patternFunctions,
  ...mathFunctions,
  ...numericFunctions,
  ...dateTimeFunctions,
  ...zoneFunctions,
  ...formatFunctions,
  ...jsonFunctions,
  ...arrayFunctions,
  ...regFunctions,
  ...sequenceFunctions,
  ...systemFunctions,
  ...catalogFunctions,
  ...transactionIdFunctions,
  ...advisoryLockFunctions,
];

const SIGNATURES = byName(libraryEntries.flatMap((entry) => entry.signatures));
const TABLES = byName(TABLE_SIGNATURES);

/** Every overload of that name; operators go by their symbol. */
export function signaturesOf(name: string): readonly Signature[] {
  return SIGNATURES.get(name) ?? [];
}

export function isTableFunction(name: string): boolean {
  return TABLES.has(name);
}

export function tableSignaturesOf(name: string) {
  return TABLES.get(name) ?? [];
}
