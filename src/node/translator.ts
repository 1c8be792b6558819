/** Where the thread begins that translates large texts. An error that is not the client's ends it. */
import { parentPort } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { type Catalog, EMPTY_CATALOG } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import { errorDataOf, translateLargeText } from "../sql/large-text.ts";
import { loadParser } from "../sql/parse.ts";
import type { TranslatorAnswer, TranslatorQuestion } from "./translator-protocol.ts";

async function main(): Promise<void> {
  const port = parentPort;
  assert(port !== null, "translator.ts runs in a thread");
  await loadParser();
  let known: Catalog = EMPTY_CATALOG;
  port.on("message", ({ text, catalog, ...context }: TranslatorQuestion) => {
    known = catalog ?? known;
    port.postMessage(answerTo(text, { ...context, catalog: known }));
  });
}

function answerTo(
  text: string,
  context: Parameters<typeof translateLargeText>[1],
): TranslatorAnswer {
  try {
    return { kind: "statements", statements: translateLargeText(text, context) };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { kind: "error", error: errorDataOf(error) };
  }
}

await main();
