/**
 * The options of COPY, checked in PostgreSQL's order and words (commands/copy.c has the same rules).
 * The grammar makes the old syntax (COPY t FROM STDIN CSV HEADER) into the same list.
 */
import type { DefElem, Node } from "libpg-query";
import { listItems, stringsOf } from "../analyze/nodes.ts";
import type { StatementState } from "../analyze/statement.ts";
import type { SqlError } from "../errors.ts";
import type { CopyFormat, Header } from "./copy-format.ts";

export interface CopyOptions {
  readonly format: CopyFormat;
  readonly header: Header;
  /** COPY TO: columns whose values are always quoted. */
  readonly forceQuote: readonly string[] | "all";
  /** COPY FROM: columns in which the text for NULL is a text. */
  readonly forceNotNull: readonly string[];
  /** COPY FROM: columns in which the text for NULL is NULL even in quotes. */
  readonly forceNull: readonly string[];
}

interface OptionsContext {
  readonly isFrom: boolean;
  readonly statement: StatementState;
}

/** Throws SqlError 42601, 22023 or 0A000 for options that are unknown or contradict each other. */
export function copyOptions(
  nodes: readonly Node[] | undefined,
  context: OptionsContext,
): CopyOptions {
  const given = gathered(nodes ?? [], context);
  const csv = formatOf(given.get("format"), context);
  const text = (name: string): string | undefined => stringArgument(given.get(name), context);
  const quote = text("quote") ?? (csv ? '"' : "");
  const format: CopyFormat = {
    csv,
    delimiter: text("delimiter") ?? (csv ? "," : "\t"),
    nullText: text("null") ?? (csv ? "" : "\\N"),
    quote,
    escape: text("escape") ?? quote,
  };
  booleanArgument(given.get("freeze"), context);
  const header = headerOf(given.get("header"), context);
  const forceQuote = forceQuoteOf(given.get("force_quote"), context);
  const forceNotNull = columnList(given.get("force_not_null"), context);
  const forceNull = columnList(given.get("force_null"), context);
  checkEncoding(given.get("encoding"), context);
  checkFormat(format, given, context);
  return { format, header, forceQuote, forceNotNull, forceNull };
}

const NAMES: ReadonlySet<string> = new Set([
  "format",
  "freeze",
  "delimiter",
  "null",
  "header",
  "quote",
  "escape",
  "force_quote",
  "force_not_null",
  "force_null",
  "encoding",
]);

type Given = ReadonlyMap<string, DefElem>;

function gathered(nodes: readonly Node[], { statement }: OptionsContext): Given {
  const given = new Map<string, DefElem>();
  for (const node of nodes) {
    if (!("DefElem" in node)) continue;
    const option = node.DefElem;
    const { defname: name = "", location } = option;
    if (!NAMES.has(name)) {
      throw statement.error("42601", `option "${name}" not recognized`, location);
    }
    if (given.has(name)) {
      throw statement.error("42601", "conflicting or redundant options", location);
    }
    given.set(name, option);
  }
  return given;
}

/** Whether it is CSV. Throws 22023 for an unknown format, 0A000 for the binary one. */
function formatOf(option: DefElem | undefined, context: OptionsContext): boolean {
  const { statement } = context;
  const name = stringArgument(option, context) ?? "text";
  if (name === "binary") {
    throw statement.error("0A000", "COPY in BINARY mode is not supported", option?.location, {
      hint: "Use the text format, which is the default, or FORMAT csv.",
    });
  }
  if (name !== "text" && name !== "csv") {
    throw statement.error("22023", `COPY format "${name}" not recognized`, option?.location);
  }
  return name === "csv";
}

/** The words or the number behind an option; undefined if the option is not there. */
function stringArgument(
  option: DefElem | undefined,
  { statement }: OptionsContext,
): string | undefined {
  if (option === undefined) return undefined;
  const { arg, defname: name = "" } = option;
  if (arg === undefined) throw statement.error("42601", `${name} requires a parameter`);
  if ("String" in arg) return arg.String.sval ?? "";
  if ("Integer" in arg) return String(arg.Integer.ival ?? 0);
  if ("Float" in arg) return arg.Float.fval ?? "";
  if ("Boolean" in arg) return arg.Boolean.boolval === true ? "true" : "false";
  throw statement.error("42601", `${name} requires a parameter`);
}

const TRUE_WORDS: ReadonlySet<string> = new Set(["true", "on", "1"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["false", "off", "0"]);

/** An option without an argument is on. */
function booleanArgument(option: DefElem | undefined, context: OptionsContext): boolean {
  if (option === undefined) return false;
  if (option.arg === undefined) return true;
  const word = stringArgument(option, context)?.toLowerCase() ?? "";
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw context.statement.error("42601", `${option.defname ?? ""} requires a Boolean value`);
}

function headerOf(option: DefElem | undefined, context: OptionsContext): Header {
  if (option === undefined) return "none";
  if (option.arg === undefined) return "line";
  const word = stringArgument(option, context)?.toLowerCase() ?? "";
  if (TRUE_WORDS.has(word)) return "line";
  if (FALSE_WORDS.has(word)) return "none";
  if (word !== "match") {
    throw context.statement.error("42601", 'header requires a Boolean value or "match"');
  }
  if (context.isFrom) return "match";
  throw context.statement.error("0A000", 'cannot use "match" with HEADER in COPY TO');
}

function forceQuoteOf(
  option: DefElem | undefined,
  context: OptionsContext,
): readonly string[] | "all" {
  if (option?.arg !== undefined && "A_Star" in option.arg) return "all";
  return columnList(option, context);
}

function columnList(option: DefElem | undefined, { statement }: OptionsContext): readonly string[] {
  if (option === undefined) return [];
  const { arg, defname: name = "", location } = option;
  if (arg !== undefined && "List" in arg) return stringsOf(listItems(arg));
  const message = `argument to option "${name}" must be a list of column names`;
  throw statement.error("22023", message, location);
}

/** PostgreSQL's names of the others, without what only joins their parts. */
const OTHER_ENCODINGS =
  /^(?:latin\d+|iso8859\d+|win\d+|windows\d+|koi8[ru]?|euc(?:jp|cn|kr|tw|jis2004)|s(?:hift)?jis(?:2004)?|big5|gbk|gb18030|uhc|johab|muleinternal|sqlascii|abc|tcvn|vscii|alt|mskanji)$/;

function checkEncoding(option: DefElem | undefined, context: OptionsContext): void {
  const name = stringArgument(option, context);
  if (name === undefined) return;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  if (plain === "utf8" || plain === "unicode") return;
  if (!OTHER_ENCODINGS.test(plain)) {
    const message = 'argument to option "encoding" must be a valid encoding name';
    throw context.statement.error("22023", message, option?.location);
  }
  throw context.statement.error(
    "0A000",
    `COPY with the encoding "${name}" is not supported`,
    option?.location,
    { hint: "Synod knows UTF8 only." },
  );
}

const UNSAFE_DELIMITERS = "\\.abcdefghijklmnopqrstuvwxyz0123456789";

/** PostgreSQL's rules in its order; the first that is broken is told. */
function checkFormat(format: CopyFormat, given: Given, context: OptionsContext): void {
  const { csv, delimiter, nullText, quote, escape } = format;
  const { statement, isFrom } = context;
  const has = (name: string): boolean => given.has(name);
  const rules: readonly (readonly [broken: boolean, sqlState: string, message: string])[] = [
    [!isOneByte(delimiter), "0A000", "COPY delimiter must be a single one-byte character"],
    [isNewline(delimiter), "22023", "COPY delimiter cannot be newline or carriage return"],
    [
      isNewline(nullText),
      "22023",
      "COPY null representation cannot use newline or carriage return",
    ],
    [
      !csv && UNSAFE_DELIMITERS.includes(delimiter),
      "22023",
      `COPY delimiter cannot be "${delimiter}"`,
    ],
    [!csv && has("quote"), "0A000", "COPY quote available only in CSV mode"],
    [csv && !isOneByte(quote), "0A000", "COPY quote must be a single one-byte character"],
    [csv && delimiter === quote, "22023", "COPY delimiter and quote must be different"],
    [!csv && has("escape"), "0A000", "COPY escape available only in CSV mode"],
    [csv && !isOneByte(escape), "0A000", "COPY escape must be a single one-byte character"],
    [!csv && has("force_quote"), "0A000", "COPY force quote available only in CSV mode"],
    [isFrom && has("force_quote"), "0A000", "COPY force quote only available using COPY TO"],
    [!csv && has("force_not_null"), "0A000", "COPY force not null available only in CSV mode"],
    [
      !isFrom && has("force_not_null"),
      "0A000",
      "COPY force not null only available using COPY FROM",
    ],
    [!csv && has("force_null"), "0A000", "COPY force null available only in CSV mode"],
    [!isFrom && has("force_null"), "0A000", "COPY force null only available using COPY FROM"],
    [
      nullText.includes(delimiter),
      "0A000",
      "COPY delimiter must not appear in the NULL specification",
    ],
    [
      csv && nullText.includes(quote),
      "0A000",
      "CSV quote character must not appear in the NULL specification",
    ],
  ];
  const broken = rules.find(([isBroken]) => isBroken);
  if (broken !== undefined) throw ruleError(statement, broken[1], broken[2]);
}

function ruleError(statement: StatementState, sqlState: string, message: string): SqlError {
  return statement.error(sqlState, message);
}

function isOneByte(text: string): boolean {
  return Buffer.byteLength(text) === 1;
}

function isNewline(text: string): boolean {
  return /[\r\n]/.test(text);
}
