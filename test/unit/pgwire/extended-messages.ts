/** The messages of the extended protocol, as tests send them. */
import { serialize } from "pg-protocol";

export const sync: Uint8Array = serialize.sync();

/** A Parse that leaves all types to the server. */
export function parse(name: string, text: string): Uint8Array {
  return serialize.parse({ name, text, types: [] });
}

/** An Execute; no rows: all of them. */
export function execute(portal = "", rows = 0): Uint8Array {
  return serialize.execute({ portal, rows });
}

/** Parse to Execute of a statement without parameters, and no Sync. */
export function extended(text: string): readonly Uint8Array[] {
  return [
    parse("", text),
    serialize.bind({}),
    serialize.describe({ type: "P", name: "" }),
    execute(),
  ];
}

/** A Bind with every field free. */
export function bind(fields: {
  readonly portal?: string;
  readonly statement?: string;
  readonly parameterFormats?: readonly number[];
  readonly parameters?: readonly (Uint8Array | null)[];
  readonly resultFormats?: readonly number[];
}): Uint8Array {
  const list = (codes: readonly number[] = []): Buffer[] => [
    int16(codes.length),
    ...codes.map(int16),
  ];
  const values = (fields.parameters ?? []).flatMap((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    return value === null ? [length] : [length, value];
  });
  const body = Buffer.concat([
    Buffer.from(`${fields.portal ?? ""}\0${fields.statement ?? ""}\0`),
    ...list(fields.parameterFormats),
    int16(fields.parameters?.length ?? 0),
    ...values,
    ...list(fields.resultFormats),
  ]);
  const head = Buffer.alloc(5);
  head.write("B");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function int16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}
