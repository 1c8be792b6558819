/** Our encoder, judged by the parser of a client that others wrote. */
import { Parser } from "pg-protocol/dist/parser.js";
import { describe, expect, it } from "vitest";
import { BackendWriter } from "../../../src/pgwire/backend.ts";
import { SqlError } from "../../../src/sql/errors.ts";

/** What the parser makes of the messages, fed in parts of `partBytes`. */
function parsed(write: (writer: BackendWriter) => void, partBytes = 0): readonly unknown[] {
  const writer = new BackendWriter();
  write(writer);
  const bytes = Buffer.from(writer.take());
  const messages: unknown[] = [];
  const parser = new Parser();
  const step = partBytes === 0 ? bytes.length : partBytes;
  for (let at = 0; at < bytes.length; at += step) {
    parser.parse(bytes.subarray(at, at + step), (message) => messages.push(message));
  }
  return messages;
}

const error = new SqlError("23505", "duplicate key", {
  detail: "Key (id)=(1) already exists.",
  hint: "Take another.",
  position: 7,
  schema: "public",
  table: "t",
  column: "id",
  dataType: "int4",
  constraint: "t_pkey",
});

const messages: readonly (readonly [string, (writer: BackendWriter) => void, object])[] = [
  ["AuthenticationOk", (w) => w.authenticationOk(), { name: "authenticationOk" }],
  [
    "ParameterStatus",
    (w) => w.parameterStatus("TimeZone", "Europe/Zürich"),
    { parameterName: "TimeZone", parameterValue: "Europe/Zürich" },
  ],
  [
    "BackendKeyData",
    (w) => w.backendKeyData(7, 0xfedcba98),
    { processID: 7, secretKey: 0xfedcba98 | 0 },
  ],
  ["ReadyForQuery", (w) => w.readyForQuery("T"), { name: "readyForQuery", status: "T" }],
  ["CommandComplete", (w) => w.commandComplete("INSERT 0 1"), { text: "INSERT 0 1" }],
  ["EmptyQueryResponse", (w) => w.emptyQueryResponse(), { name: "emptyQuery" }],
  ["ParseComplete", (w) => w.parseComplete(), { name: "parseComplete" }],
  ["BindComplete", (w) => w.bindComplete(), { name: "bindComplete" }],
  ["CloseComplete", (w) => w.closeComplete(), { name: "closeComplete" }],
  ["NoData", (w) => w.noData(), { name: "noData" }],
  ["PortalSuspended", (w) => w.portalSuspended(), { name: "portalSuspended" }],
  [
    "ParameterDescription",
    (w) => w.parameterDescription([23, 4_000_000_000]),
    { dataTypeIDs: [23, 4_000_000_000] },
  ],
  [
    "ErrorResponse",
    (w) => w.errorResponse("ERROR", error),
    {
      severity: "ERROR",
      code: "23505",
      message: "duplicate key",
      detail: "Key (id)=(1) already exists.",
      hint: "Take another.",
      position: "7",
      schema: "public",
      table: "t",
      column: "id",
      dataType: "int4",
      constraint: "t_pkey",
    },
  ],
  [
    "NoticeResponse",
    (w) => w.noticeResponse({ severity: "WARNING", sqlState: "25001", message: "already" }),
    { name: "notice", severity: "WARNING", code: "25001", message: "already" },
  ],
];

describe("BackendWriter", () => {
  it.each(messages)("%s is read back by pg-protocol", (_name, write, expected) => {
    expect(parsed(write)).toMatchObject([expected]);
  });

  it("all messages in one buffer are read back byte by byte", () => {
    const all = parsed((writer) => {
      for (const [, write] of messages) write(writer);
    }, 1);
    expect(all).toMatchObject(messages.map(([, , expected]) => expected));
  });

  it("a row description carries every field, negative modifiers and high OIDs included", () => {
    const [message] = parsed((writer) => {
      writer.rowDescription([
        {
          name: "größe",
          tableOid: 16384,
          columnNumber: 2,
          typeOid: 1700,
          typeSize: -1,
          typeModifier: -1,
          format: 1,
        },
      ]);
    });
    expect(message).toMatchObject({
      fields: [
        {
          name: "größe",
          tableID: 16384,
          columnID: 2,
          dataTypeID: 1700,
          dataTypeSize: -1,
          dataTypeModifier: -1,
          format: "binary",
        },
      ],
    });
  });

  it("NULL and the empty value differ, and bytes may come from a view with an offset", () => {
    const view = new Uint8Array([9, 9, 0x68, 0x69, 9]).subarray(2, 4);
    const rows = parsed((writer) => {
      writer.dataRow([null, "", view, new Uint8Array(0), "é"]);
    });
    expect(rows).toMatchObject([{ fields: [null, "", "hi", "", "é"] }]);
  });

  it("text with a zero byte cannot end a field early", () => {
    const written = parsed((writer) => {
      writer.commandComplete("SEL\0ECT 1");
      writer.readyForQuery("I");
    });
    expect(written).toMatchObject([{ text: "SELECT 1" }, { status: "I" }]);
  });

  it("what was taken is not touched by later messages", () => {
    const writer = new BackendWriter();
    writer.commandComplete("ONE");
    const first = writer.take();
    const copy = Uint8Array.from(first);
    writer.commandComplete("TWO and much longer".repeat(500));
    writer.take();
    expect(Uint8Array.from(first)).toEqual(copy);
  });

  it("NegotiateProtocolVersion names the version spoken and the options ignored", () => {
    const writer = new BackendWriter();
    writer.negotiateProtocolVersion(["_pq_.x"]);
    expect(Buffer.from(writer.take()).toString("hex")).toBe(
      "760000001300030000000000015f70715f2e7800",
    );
  });
});
