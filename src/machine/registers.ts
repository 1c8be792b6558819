import type { Instruction } from "./program.ts";

/** From the first to the last, both included. */
export type RegisterRange = readonly [first: bigint, last: bigint];

const NONE: readonly RegisterRange[] = [];

/**
 * The registers that an instruction may change (https://sqlite.org/opcode.html), jumps and what only
 * reads change none; "unknown" for one that is not listed here.
 */
export function writtenRegisters({
  opcode,
  p1,
  p2,
  p3,
}: Instruction): readonly RegisterRange[] | "unknown" {
  if (WRITES_NONE.has(opcode)) return NONE;
  if (WRITES_P1.has(opcode)) return [[p1, p1]];
  if (WRITES_P2.has(opcode)) return [[p2, p2]];
  if (WRITES_P3.has(opcode)) return [[p3, p3]];
  switch (opcode) {
    case "Null":
      return [[p2, p3 > p2 ? p3 : p2]];
    case "Copy":
      return [[p2, p2 + p3]];
    case "Move":
      return [
        [p1, p1 + p3],
        [p2, p2 + p3],
      ];
    case "Affinity":
    case "TypeCheck":
      return [[p1, p1 + p2 - 1n]];
    case "NewRowid":
      return [
        [p2, p2],
        [p3, p3],
      ];
    default:
      return "unknown";
  }
}

const WRITES_NONE: ReadonlySet<string> = words(
  `Init Transaction Halt Noop Explain Once Goto ColumnsUsed CursorHint Close
  OpenRead OpenWrite ReopenIdx OpenEphemeral Rewind Next
  SeekRowid NotExists Found NotFound NoConflict SeekGE SeekGT SeekLE SeekLT SeekHit IfNoHope
  IdxGE IdxGT IdxLE IdxLT DeferredSeek FinishSeek NullRow IfNullRow
  Insert Delete IdxInsert IdxDelete ResultRow ResetCount CollSeq
  Lt Le Gt Ge Eq Ne ElseEq If IfNot IsNull NotNull IsType IfEmpty Compare Permutation Jump HaltIfNull
  FkIfZero FkCounter FkCheck`,
);

const WRITES_P1: ReadonlySet<string> = words(
  `SoftNull Cast RealAffinity MustBeInt AddImm DecrJumpZero IfPos IfNotZero
  Gosub Return BeginSubrtn InitCoroutine EndCoroutine Yield`,
);

const WRITES_P2: ReadonlySet<string> = words(
  `Integer Int64 Real String8 String Blob Variable SCopy IntCopy Rowid IdxRowid Sequence RowData
  Not BitNot ZeroOrNull IsTrue OffsetLimit`,
);

const WRITES_P3: ReadonlySet<string> = words(
  `Column Offset Add Subtract Multiply Divide Remainder Concat BitAnd BitOr ShiftLeft ShiftRight
  And Or Function PureFunc MakeRecord`,
);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}
