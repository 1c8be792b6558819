/** DECLARE, FETCH, MOVE and CLOSE. Cursors go forward only and end with their transaction. */
import type { ClosePortalStmt, DeclareCursorStmt, FetchStmt, Node } from "libpg-query";
import { notSupported } from "./errors.ts";
import type { CursorTranslation, ReadTranslation, Translation } from "./translation.ts";

/** PostgreSQL's bits of DECLARE's options (parsenodes.h). */
const BINARY = 0x01;
const SCROLL = 0x02;
const HOLD = 0x20;
/** How the parser writes ALL, at least. */
const ALL = 2_147_483_647;

/** Undefined for any other statement. `translateQuery` translates what a cursor is declared for. */
export function cursorStatement(
  node: Node,
  translateQuery: (query: Node) => Translation | undefined,
): CursorTranslation | undefined {
  if ("DeclareCursorStmt" in node) return declare(node.DeclareCursorStmt, translateQuery);
  if ("FetchStmt" in node) return fetch(node.FetchStmt);
  if ("ClosePortalStmt" in node) return close(node.ClosePortalStmt);
  return undefined;
}

function declare(
  { portalname: name = "", options = 0, query: node }: DeclareCursorStmt,
  translateQuery: (query: Node) => Translation | undefined,
): CursorTranslation {
  if ((options & BINARY) !== 0) throw notSupported("DECLARE … BINARY");
  if ((options & SCROLL) !== 0) throw notSupported("DECLARE … SCROLL");
  if ((options & HOLD) !== 0) throw notSupported("DECLARE … WITH HOLD");
  const query = node === undefined ? undefined : translateQuery(node);
  if (query?.kind !== "read") throw notSupported("a cursor for a query that changes something");
  const action = { kind: "declare", name, query } as const;
  return cursor("DECLARE CURSOR", action, query.parameterTypes);
}

function fetch(statement: FetchStmt): CursorTranslation {
  const { portalname: name = "", direction, ismove: isMove = false } = statement;
  const howMany = Number(statement.howMany ?? 0);
  const verb = isMove ? "MOVE" : "FETCH";
  if (direction !== "FETCH_FORWARD" || howMany < 1) {
    throw notSupported(`${verb} in another way than forward`);
  }
  const rowsMax = howMany >= ALL ? null : howMany;
  return cursor(verb, { kind: isMove ? "move" : "fetch", name, rowsMax });
}

function close({ portalname }: ClosePortalStmt): CursorTranslation {
  const name = portalname ?? null;
  return cursor(name === null ? "CLOSE CURSOR ALL" : "CLOSE CURSOR", { kind: "close", name });
}

function cursor(
  tag: string,
  action: CursorTranslation["action"],
  parameterTypes: ReadTranslation["parameterTypes"] = [],
): CursorTranslation {
  return { kind: "cursor", action, parameterTypes, columns: null, tag, tagCounts: false };
}
