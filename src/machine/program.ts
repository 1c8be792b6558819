/**
 * What SQLite makes of a statement: the program of its virtual machine, as EXPLAIN lists it
 * (https://sqlite.org/opcode.html).
 */
import type { Connection } from "./connection.ts";

/** One instruction. */
export interface Instruction {
  readonly opcode: string;
  readonly p1: bigint;
  readonly p2: bigint;
  readonly p3: bigint;
  /** The fourth operand as EXPLAIN prints it. */
  readonly p4: string;
}

export type Program = readonly Instruction[];

type Explained = readonly [bigint, string, bigint, bigint, bigint, unknown];

/** `bound` are parameters such as the statement takes; their values do not matter. */
export function explain(connection: Connection, sql: string, bound: unknown): Program {
  const lines = connection.prepare<unknown[]>(`EXPLAIN ${sql}`).raw(true).all(bound);
  return (lines as Explained[]).map(([, opcode, p1, p2, p3, p4]) => ({
    opcode,
    p1,
    p2,
    p3,
    p4: typeof p4 === "string" ? p4 : "",
  }));
}

/**
 * Whether it runs in microseconds however large the tables are: it finds rows by whole keys alone,
 * and nothing in it is done once for each row of a table. Loops are closed by a few instructions only
 * (Next and the like, and a Goto backwards); one over rows that the statement itself has put aside
 * (RETURNING, VALUES, IN) is as short as its text, but one inside of another (two IN over one key) is
 * not. What is not known to be short counts as long.
 */
export function isShort(program: Program): boolean {
  if (hasLoopInLoop(program)) return false;
  const ephemeral = new Set<bigint>();
  for (const { opcode, p1 } of program) if (opcode === "OpenEphemeral") ephemeral.add(p1);
  return program.every((instruction, address) => {
    const { opcode, p1 } = instruction;
    switch (opcode) {
      case "Goto":
        return mayGoto(program, address, instruction);
      case "Next":
      case "Rewind":
        return ephemeral.has(p1);
      case "Function":
      case "PureFunc":
        return SHORT_FUNCTIONS.has(functionOf(instruction));
      default:
        return SHORT_INSTRUCTIONS.has(opcode);
    }
  });
}

/**
 * Whether it takes no longer than its tables have rows, each looked at once: no loop stands in another, and
 * none makes its own rows, as recursion and functions in FROM do. What is not known to be so is not.
 */
export function isLinear(program: Program): boolean {
  if (hasLoopInLoop(program)) return false;
  return program.every((instruction, address) => {
    if (instruction.opcode === "Goto") return mayGoto(program, address, instruction);
    return !instruction.opcode.startsWith("V") || instruction.opcode === "Variable";
  });
}

/** The name of the function that an instruction of that kind calls. */
export function functionOf({ p4 }: Instruction): string {
  return p4.slice(0, p4.indexOf("("));
}

function hasLoopInLoop(program: Program): boolean {
  const ends = [...program.entries()].filter(
    ([address, { opcode, p2 }]) =>
      LOOP_ENDS.has(opcode) ||
      (opcode === "Goto" && Number(p2) <= address && !isToStart(program, address)),
  );
  return ends.some(([end, { p2 }]) => ends.some(([other]) => Number(p2) <= other && other < end));
}

/** Those of virtual tables are VNext. */
const LOOP_ENDS: ReadonlySet<string> = new Set(["Next", "Prev", "SorterNext", "VNext"]);

/** Forwards; back to the start from the constants at the end; or on with a coroutine, whose end ends it. */
function mayGoto(program: Program, address: number, { p2 }: Instruction): boolean {
  const to = Number(p2);
  return to > address || isToStart(program, address) || program[to]?.opcode === "Yield";
}

function isToStart(program: Program, address: number): boolean {
  return address === program.length - 1 && program[address]?.p2 === 1n;
}

const SHORT_INSTRUCTIONS: ReadonlySet<string> = new Set(
  `Init Transaction Halt Noop Explain Once Gosub Return BeginSubrtn InitCoroutine EndCoroutine Yield
  OpenRead OpenWrite ReopenIdx OpenEphemeral Close ColumnsUsed CursorHint
  SeekRowid NotExists Found NotFound NoConflict SeekGE SeekGT SeekLE SeekLT SeekHit IfNoHope
  IdxGE IdxGT IdxLE IdxLT IdxRowid DeferredSeek FinishSeek Rowid RowData NullRow IfNullRow
  Variable Null SoftNull Integer Int64 Real String8 String Blob Copy SCopy Move IntCopy
  Column Affinity RealAffinity Cast MustBeInt TypeCheck MakeRecord NewRowid CollSeq Offset Sequence
  Insert Delete IdxInsert IdxDelete ResultRow ResetCount
  Add Subtract Multiply Divide Remainder Concat BitAnd BitOr BitNot ShiftLeft ShiftRight And Or Not
  Lt Le Gt Ge Eq Ne ElseEq If IfNot IfPos IfNotZero IfEmpty IsNull NotNull IsTrue IsType ZeroOrNull
  DecrJumpZero OffsetLimit Compare Permutation Jump AddImm HaltIfNull
  FkIfZero FkCounter FkCheck`.split(/\s+/),
);

/** Functions whose time is that of reading their arguments. */
const SHORT_FUNCTIONS: ReadonlySet<string> = new Set(
  `abs coalesce glob ifnull length lower max min nullif substr synod_check typeof upper
  int2_check int4_check int8_check oid_check int8_to_oid oid_to_int4 not_null divisor int_mod
  float8_check float8_add float8_subtract float8_multiply float8_divide
  numeric_abs numeric_add numeric_fit numeric_key numeric_multiply numeric_negate numeric_subtract
  numeric_to_float8 numeric_to_float4 numeric_to_int float8_to_int float8_to_numeric float4
  pg_now pg_clock pg_random pg_gen_random_uuid pg_nextval current_day current_time_of_day
  to_zone in_utc from_zone moment_plus moment_to_text text_to_moment timestamp_plus timestamp_minus
  cast_from_text cast_to_text convert_value jsonb_key
  varchar_cut varchar_fit bpchar_cut bpchar_fit pg_lower pg_upper pg_concat`.split(/\s+/),
);
