/** Our decoder, fed by the serializer of a client that others wrote. */
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { type Frame, FrameReader } from "../../../src/pgwire/frame.ts";
import {
  decodeFrontend,
  type FrontendMessage,
  frontendLengthLimit,
} from "../../../src/pgwire/frontend.ts";

const violation: Error = expect.objectContaining({ sqlState: "08P01" });

const limit = frontendLengthLimit(1024 * 1024);

function frames(bytes: Uint8Array, partBytes: number): readonly Frame[] {
  const reader = new FrameReader();
  const found: Frame[] = [];
  for (let at = 0; at < bytes.length; at += partBytes) {
    reader.push(bytes.subarray(at, at + partBytes));
    for (let frame = reader.next(limit); frame !== null; frame = reader.next(limit)) {
      found.push(frame);
    }
  }
  return found;
}

const bindBytes = serialize.bind({
  portal: "p",
  statement: "s",
  values: ["text", null, "", Buffer.from([0, 255])],
  binary: true,
});

const cases: readonly (readonly [Uint8Array, FrontendMessage])[] = [
  [serialize.query("select 'é'"), { kind: "query", text: "select 'é'" }],
  [
    serialize.parse({ name: "s", text: "select $1", types: [23, 0] }),
    { kind: "parse", name: "s", text: "select $1", parameterTypes: [23, 0] },
  ],
  [
    bindBytes,
    {
      kind: "bind",
      portal: "p",
      statement: "s",
      parameterFormats: [0, 0, 0, 1],
      parameters: [Buffer.from("text"), null, Buffer.alloc(0), Buffer.from([0, 255])].map(
        (value) => (value === null ? null : new Uint8Array(value)),
      ),
      resultFormats: [1],
    },
  ],
  [
    serialize.describe({ type: "S", name: "s" }),
    { kind: "describe", what: "statement", name: "s" },
  ],
  [serialize.describe({ type: "P", name: "" }), { kind: "describe", what: "portal", name: "" }],
  [serialize.close({ type: "P", name: "p" }), { kind: "close", what: "portal", name: "p" }],
  [serialize.execute({ portal: "p", rows: 5 }), { kind: "execute", portal: "p", rowLimit: 5 }],
  [serialize.execute(), { kind: "execute", portal: "", rowLimit: 0 }],
  [serialize.flush(), { kind: "flush" }],
  [serialize.sync(), { kind: "sync" }],
  [serialize.end(), { kind: "terminate" }],
  [serialize.copyData(Buffer.from("x")), { kind: "copyData" }],
  [serialize.copyDone(), { kind: "copyDone" }],
  [serialize.copyFail("no"), { kind: "copyFail", reason: "no" }],
];

/** Plain arrays, so that a Buffer and a Uint8Array of the same bytes are equal. */
function plain(message: FrontendMessage): unknown {
  if (message.kind !== "bind") return message;
  const parameters = message.parameters.map((value) => (value === null ? null : [...value]));
  return { ...message, parameters };
}

describe("decodeFrontend", () => {
  it.each([1, 2, 3, 7, 100_000])("reads every message in parts of %i bytes", (partBytes) => {
    const all = Buffer.concat(cases.map(([bytes]) => bytes));
    const messages = frames(all, partBytes).map(decodeFrontend);
    expect(messages.map(plain)).toEqual(cases.map(([, message]) => plain(message)));
  });

  it("reads a frame that is a view with a byte offset", () => {
    const wide = Buffer.concat([Buffer.alloc(13, 0xee), bindBytes, Buffer.alloc(5, 0xee)]);
    const view = wide.subarray(13, 13 + bindBytes.length);
    const messages = frames(view, view.length).map(decodeFrontend);
    expect(messages.map(plain)).toEqual(cases.slice(2, 3).map(([, message]) => plain(message)));
  });
});

function bindBody(tail: readonly number[]): Frame {
  return { type: 0x42, body: Uint8Array.from([0, 0, ...tail]) };
}

describe("decodeFrontend refuses", () => {
  it.each([
    ["more format codes than bytes", [0xff, 0xff, 0, 0]],
    ["more parameters than bytes", [0, 0, 0xff, 0xff, 0, 0, 0, 0]],
    ["a parameter of length -2", [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0]],
    ["a parameter of 2 GB", [0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0]],
    ["a message that ends too early", [0, 0, 0]],
    ["bytes behind the last field", [0, 0, 0, 0, 0, 0, 1]],
  ])("%s with 08P01", (_what, tail) => {
    expect(() => decodeFrontend(bindBody(tail))).toThrow(violation);
  });

  it("text without its zero byte with 08P01, and text that is not UTF-8 with 22021", () => {
    expect(() => decodeFrontend({ type: 0x51, body: Buffer.from("select") })).toThrow(violation);
    expect(() => decodeFrontend({ type: 0x51, body: Uint8Array.of(0xc3, 0x28, 0) })).toThrow(
      'invalid byte sequence for encoding "UTF8": 0xc3 0x28',
    );
  });
});
