/** Names: the 63 bytes that PostgreSQL keeps, those that are reserved, and the ones it makes up. */
import { notSupported, SqlError } from "../errors.ts";
import type { SchemaDraft } from "./schema-draft.ts";

const NAME_BYTES_MAX = 63;
const RESERVED_PREFIXES: readonly string[] = ["pg_", "_synod_", "sqlite_", "synod_"];

/** Notices for the identifiers of a statement that the parser has cut to 63 bytes. */
export function truncationNotices(text: string): readonly string[] {
  const tokens = text.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*/gu) ?? [];
  return tokens
    .filter((token) => !token.startsWith("'"))
    .map((token) =>
      token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase(),
    )
    .filter((name) => Buffer.byteLength(name) > NAME_BYTES_MAX)
    .map(
      (name) => `identifier "${name}" will be truncated to "${cutToBytes(name, NAME_BYTES_MAX)}"`,
    );
}

/** Refuses names that belong to the system, and those SQLite cannot tell from another one. */
export function assertRelationName(name: string, draft: SchemaDraft): void {
  const folded = name.toLowerCase();
  const prefix = RESERVED_PREFIXES.find((each) => folded.startsWith(each));
  if (prefix !== undefined) {
    throw new SqlError("42939", `unacceptable relation name "${name}"`, {
      detail: `The prefix "${prefix}" is reserved for system relations.`,
    });
  }
  for (const relation of draft.relations()) {
    if (relation.name !== name && relation.name.toLowerCase() === folded) {
      throw notSupported(`relation "${name}" beside "${relation.name}" (only case differs)`);
    }
  }
}

/** PostgreSQL's makeObjectName: the longer part is cut until the whole fits. */
function objectName(first: string, second: string | null, label: string): string {
  const overhead = Buffer.byteLength(label) + 1 + (second === null ? 0 : 1);
  let firstBytes = Buffer.byteLength(first);
  let secondBytes = second === null ? 0 : Buffer.byteLength(second);
  while (firstBytes + secondBytes > NAME_BYTES_MAX - overhead) {
    if (firstBytes > secondBytes) firstBytes -= 1;
    else secondBytes -= 1;
  }
  const parts = [cutToBytes(first, firstBytes)];
  if (second !== null) parts.push(cutToBytes(second, secondBytes));
  return [...parts, label].join("_");
}

/** The first of label, label1, label2 … whose name is not `taken`. */
export function freeName(
  first: string,
  second: string | null,
  label: string,
  taken: (name: string) => boolean,
): string {
  for (let pass = 0; ; pass += 1) {
    const name = objectName(first, second, pass === 0 ? label : `${label}${pass}`);
    if (!taken(name)) return name;
  }
}

/** Column names as part of a made-up name; PostgreSQL stops adding when they are long enough. */
export function joinedColumns(columns: readonly string[]): string {
  let joined = "";
  for (const column of columns) {
    joined += joined === "" ? column : `_${column}`;
    if (Buffer.byteLength(joined) > NAME_BYTES_MAX) break;
  }
  return joined;
}

function cutToBytes(name: string, bytesMax: number): string {
  if (Buffer.byteLength(name) <= bytesMax) return name;
  let cut = "";
  for (const character of name) {
    if (Buffer.byteLength(cut + character) > bytesMax) break;
    cut += character;
  }
  return cut;
}
