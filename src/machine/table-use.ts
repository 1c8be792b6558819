/**
 * Which tables a statement uses, and where it can be told, which of their rows, by SQLite's own word:
 * its program lists the cursors that it opens, those of foreign keys' actions and checks included, and
 * how it moves them.
 *
 *     OpenWrite  0 15        cursor 0 is on the table whose root is page 15
 *     Variable   2  7        register 7 is parameter 2
 *     SeekRowid  0  7  7     cursor 0 goes to the row with that key: nothing else of it is looked at
 *
 * A key that a sequence gives counts as new: no other statement is given it. Where that is not so after
 * all (setval, two sequences for one table), the row that is there makes the INSERT fail.
 */
import type { SqliteValue } from "../sql/values.ts";
import type { Connection } from "./connection.ts";
import { functionOf, type Instruction, isShort, type Program } from "./program.ts";
import { writtenRegisters } from "./registers.ts";
import type { TouchedPart, TouchedRows } from "./touched.ts";

/** Where the key of the one row comes from; or see TouchedRows. */
type RowsUsed = "all" | "new" | { readonly parameter: number } | { readonly constant: bigint };

/** What a statement uses of one table, whatever its parameters are. */
export interface TableUse {
  readonly table: string;
  readonly isWritten: boolean;
  readonly rows: RowsUsed;
}

/** The part of its table that a use comes to with these parameters. */
export function touchedPart(
  { table, isWritten, rows }: TableUse,
  parameters: readonly SqliteValue[],
): TouchedPart {
  return { table, isWritten, rows: rowsOf(rows, parameters) };
}

function rowsOf(rows: RowsUsed, parameters: readonly SqliteValue[]): TouchedRows {
  if (typeof rows === "string") return rows;
  if ("constant" in rows) return rows.constant;
  const value = parameters[rows.parameter - 1];
  return typeof value === "bigint" ? value : "all";
}

/** The tables that a program of this connection uses. */
export function tableUses(connection: Connection, program: Program): readonly TableUse[] {
  const found = new Map<string, { isWritten: boolean; cursors: bigint[] }>();
  const tableOf = tablesByRoot(connection);
  for (const instruction of program) {
    const root = rootPage(instruction);
    const table = root === null ? undefined : tableOf.get(root);
    if (table === undefined) continue;
    const { opcode, p1 } = instruction;
    const use = found.get(table) ?? { isWritten: false, cursors: [] };
    found.set(table, use);
    if (opcode !== "OpenRead" && opcode !== "ReopenIdx") use.isWritten = true;
    use.cursors.push(p1);
  }
  const isKnown = isShort(program);
  return [...found].map(([table, { isWritten, cursors }]) => ({
    table,
    isWritten,
    rows: isKnown ? rowsUsed(program, new Set(cursors)) : "all",
  }));
}

/** Of one table, by the cursors that are on it and on its indexes. */
function rowsUsed(program: Program, cursors: ReadonlySet<bigint>): RowsUsed {
  let rows: RowsUsed | null = null;
  for (const [address, instruction] of program.entries()) {
    const { opcode, p1, p3 } = instruction;
    if (opcode === "DeferredSeek" && cursors.has(p3)) return "all";
    if (!MOVING.has(opcode) || !cursors.has(p1) || isForNoKey(program, address)) continue;
    const found = rowsFound(program, address);
    if (rows !== null && !sameRows(rows, found)) return "all";
    rows = found;
  }
  return rows ?? "all";
}

function rowsFound(program: Program, address: number): RowsUsed {
  const [instruction, next] = [program[address], program[address + 1]];
  const opcode = instruction?.opcode;
  if (opcode === "NewRowid") return "new";
  if (instruction === undefined || (opcode !== "SeekRowid" && opcode !== "NotExists")) return "all";
  const source = sourceOf(program, instruction.p3);
  const failsIfThere = opcode === "NotExists" && next?.opcode === "Halt";
  return source === "new" && !failsIfThere ? "all" : source;
}

function sameRows(left: RowsUsed, right: RowsUsed): boolean {
  if (typeof left === "string" || typeof right === "string") return left === right;
  if ("constant" in left) return "constant" in right && left.constant === right.constant;
  return "parameter" in right && left.parameter === right.parameter;
}

/**
 * What the register holds wherever the program reads it: a parameter, a constant, or a value of a
 * sequence, which is given once and so is the key of a new row. An explicit key may be the same; whoever
 * writes that row by its key makes those who rely on a new one look again.
 */
function sourceOf(program: Program, register: bigint): RowsUsed {
  let source: RowsUsed | null = null;
  for (const [address, instruction] of program.entries()) {
    const written = writtenRegisters(instruction);
    if (written === "unknown") return "all";
    if (!written.some(([first, last]) => first <= register && register <= last)) continue;
    // In place: an integer stays the one that it is.
    const { opcode } = instruction;
    if (opcode === "MustBeInt" || opcode === "Affinity" || isForNoKey(program, address)) continue;
    if (source !== null) return "all";
    source = valueOf(program, instruction);
  }
  return source ?? "all";
}

function valueOf(program: Program, instruction: Instruction): RowsUsed {
  const { opcode, p1, p2, p4 } = instruction;
  switch (opcode) {
    case "Variable":
      return { parameter: Number(p1) };
    case "Integer":
      return { constant: p1 };
    case "Int64":
      return { constant: BigInt(p4) };
    case "SCopy":
      return sourceOf(program, p1);
    case "Function": {
      const name = functionOf(instruction);
      if (name === "pg_nextval") return "new";
      return SAME_OR_ERROR.has(name) ? sourceOf(program, p2) : "all";
    }
    default:
      return "all";
  }
}

/** Functions that answer their first argument or fail. */
const SAME_OR_ERROR: ReadonlySet<string> = new Set([
  "int2_check",
  "int4_check",
  "int8_check",
  "not_null",
]);

/** Whether it is a NewRowid that is only come to if the register holds no key: NotNull goes around it. */
function isForNoKey(program: Program, address: number): boolean {
  const [guard, instruction] = [program[address - 1], program[address]];
  if (instruction?.opcode !== "NewRowid" || guard?.opcode !== "NotNull") return false;
  return guard.p1 === instruction.p2 && Number(guard.p2) === address + 1;
}

/** Of the instructions of short programs those that look for a row; all others use the one that was found. */
const MOVING: ReadonlySet<string> = new Set(
  `SeekRowid NotExists NewRowid Found NotFound NoConflict SeekGE SeekGT SeekLE SeekLT SeekHit IfNoHope
  DeferredSeek Rewind Next`.split(/\s+/),
);

const MAIN_SCHEMA = 0n;

function rootPage({ opcode, p1, p2, p3 }: Instruction): bigint | null {
  switch (opcode) {
    case "OpenRead":
    case "ReopenIdx":
    case "OpenWrite":
      return p3 === MAIN_SCHEMA ? p2 : null;
    case "Clear":
      return p2 === MAIN_SCHEMA ? p1 : null;
    default:
      return null;
  }
}

function tablesByRoot(connection: Connection): ReadonlyMap<bigint, string> {
  const rows = connection.prepare(
    "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0",
  );
  return new Map(rows.raw(true).all() as [bigint, string][]);
}
