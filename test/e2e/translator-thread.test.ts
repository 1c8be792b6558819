/** The thread that translates large texts. Needs the compiled one (tsc); without it nothing runs here. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { TranslatorThread } from "../../src/node/translator-thread.ts";
import { EMPTY_CATALOG } from "../../src/sql/catalog/catalog.ts";
import { translateLargeText } from "../../src/sql/large-text.ts";
import { loadParser } from "../../src/sql/parse.ts";
import type { TranslationContext } from "../../src/sql/translate.ts";
import { SqliteHarness } from "../support/sqlite-harness.ts";

const url = new URL("../../dist/src/node/translator.js", import.meta.url);
const isBuilt = existsSync(fileURLToPath(url));

await loadParser();
const harness = new SqliteHarness();
harness.script("CREATE TABLE item (id int PRIMARY KEY, name text)");
const KNOWN: TranslationContext = {
  catalog: harness.catalog,
  databaseName: "synod",
  parameterTypes: [],
};
const UNKNOWN: TranslationContext = { ...KNOWN, catalog: EMPTY_CATALOG };
const INSERT = "INSERT INTO item VALUES (1, 'é')";
/** Takes seconds. */
const LONG = `${INSERT}${", (2, 'two')".repeat(300_000)}`;

let thread: TranslatorThread;
const never = new AbortController().signal;

function start(options: { readonly url?: URL; readonly idleMs?: number } = {}): TranslatorThread {
  thread = new TranslatorThread({ url, ...options });
  return thread;
}

function script(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

describe.skipIf(!isBuilt)("the thread that translates", () => {
  afterEach(() => thread.close());

  test("answers as the main thread would, for the catalog of each text", async () => {
    start();
    expect(thread.isRunning).toBe(false);
    for (const context of [KNOWN, KNOWN, UNKNOWN, KNOWN]) {
      const text = `${INSERT}; SELECT 9223372036854775807, '\\x00'::bytea, $1; SHOW a.b`;
      const answer = await thread.translate(text, context, never);
      expect(answer).toEqual(translateLargeText(text, context));
      expect(answer?.[0]?.outcome?.kind).toBe(context === KNOWN ? "translation" : "error");
    }
  });

  test.each([
    ["a syntax error", "SELECT 'é'; SELEC 1", { sqlState: "42601", fields: { position: 13 } }],
    ["too many brackets", `SELECT ${"(".repeat(50_000)}1`, { sqlState: "42601" }],
    ["no stack for it", `SELECT ${"1+".repeat(50_000)}1`, { sqlState: "54001" }],
    ["a NUL", "SELECT '\0'", { sqlState: "22021" }],
  ])("rejects: %s", async (_name, text, error) => {
    await expect(start().translate(text, KNOWN, never)).rejects.toMatchObject(error);
    expect(() => translateLargeText(text, KNOWN)).toThrow(expect.objectContaining(error));
  });

  test("gives up a text at once, and goes on with the next", async () => {
    start();
    const controller = new AbortController();
    const queued = new AbortController();
    const given = [
      thread.translate(LONG, KNOWN, controller.signal),
      thread.translate(LONG, KNOWN, queued.signal),
    ];
    const next = thread.translate(INSERT, KNOWN, never);
    const ended = given.map((one) => expect(one).rejects.toMatchObject({ sqlState: "57014" }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const askedMs = performance.now();
    queued.abort();
    controller.abort();
    await Promise.all(ended);
    expect(performance.now() - askedMs).toBeLessThan(200);
    expect(await next).toEqual(translateLargeText(INSERT, KNOWN));
    await expect(thread.translate(INSERT, KNOWN, controller.signal)).rejects.toMatchObject({
      sqlState: "57014",
    });
  });

  test("keeps the order in which texts came", async () => {
    start();
    const order: number[] = [];
    const texts = [INSERT, `${INSERT}${", (3, 'x')".repeat(5_000)}`, "SELECT 1"];
    await Promise.all(
      texts.map((text, at) => thread.translate(text, KNOWN, never).then(() => order.push(at))),
    );
    expect(order).toEqual([0, 1, 2]);
  });

  test("ends when nothing has come for a while, and begins again", async () => {
    start({ idleMs: 50 });
    await thread.translate(INSERT, KNOWN, never);
    expect(thread.isRunning).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(thread.isRunning).toBe(false);
    expect(await thread.translate(INSERT, KNOWN, never)).toEqual(translateLargeText(INSERT, KNOWN));
  });

  test("closed: 57P01 for what waits, and for what comes", async () => {
    start();
    const waiting = [LONG, INSERT].map((text) => thread.translate(text, KNOWN, never));
    const ended = waiting.map((one) => expect(one).rejects.toMatchObject({ sqlState: "57P01" }));
    await thread.close();
    await Promise.all(ended);
    await expect(thread.translate(INSERT, KNOWN, never)).rejects.toMatchObject({
      sqlState: "57P01",
    });
    expect(thread.isRunning).toBe(false);
  });
});

test.each([
  ["ends", "process.exit(3)", "XX000"],
  ["throws", "throw new Error('broken')", "XX000"],
  [
    "has no memory left",
    "throw Object.assign(new Error('no'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })",
    "53200",
  ],
])(
  "a thread that %s fails the text that it was at, and each text gets a thread",
  async (_name, text, sqlState) => {
    start({ url: script(text) });
    const two = [INSERT, INSERT].map((sql) => thread.translate(sql, KNOWN, never));
    for (const one of two) await expect(one).rejects.toMatchObject({ sqlState });
    await thread.close();
  },
);
