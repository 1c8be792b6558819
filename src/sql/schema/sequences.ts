import type { AlterSeqStmt, CreateSeqStmt } from "libpg-query";
import type { Sequence } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import { existsAlready } from "./create-table.ts";
import { nameInPublic, relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";
import { type SequenceOptions, sequenceNumbers, sequenceOptions } from "./sequence-options.ts";

/** CREATE SEQUENCE. */
export function createSequence(statement: CreateSeqStmt, draft: SchemaDraft): void {
  const name = relationName(statement.sequence);
  if (existsAlready(name, statement.if_not_exists === true, draft)) return;
  const options = sequenceOptions(statement.options);
  draft.add({
    kind: "sequence",
    oid: draft.newOid(),
    name,
    ...sequenceNumbers(options, null),
    ownedBy: options.ownedBy ? ownerOf(options.ownedBy, draft) : null,
  });
}

/** ALTER SEQUENCE. */
export function alterSequence(statement: AlterSeqStmt, draft: SchemaDraft): void {
  const name = relationName(statement.sequence);
  const sequence = draft.relation(name);
  if (sequence === undefined) {
    const text = `relation "${name}" does not exist`;
    if (statement.missing_ok !== true) throw new SqlError("42P01", text);
    draft.notice("00000", `${text}, skipping`);
    return;
  }
  if (sequence.kind !== "sequence") throw new SqlError("42809", `"${name}" is not a sequence`);
  changeSequence(sequence, sequenceOptions(statement.options), draft);
}

/** Applies options to a sequence of the draft. */
export function changeSequence(
  sequence: Sequence,
  options: SequenceOptions,
  draft: SchemaDraft,
): void {
  const numbers = sequenceNumbers(options, sequence);
  const restart = options.restart === null ? numbers.start : options.restart;
  if (restart !== undefined) {
    assertRestart(restart, numbers);
    draft.restarts.set(sequence.oid, restart);
  }
  const ownedBy =
    options.ownedBy === undefined
      ? sequence.ownedBy
      : options.ownedBy && ownerOf(options.ownedBy, draft);
  draft.put({ ...sequence, ...numbers, ownedBy });
  if (options.ownedBy !== undefined) moveOwnership(sequence, ownedBy, draft);
}

function assertRestart(value: bigint, { minimum, maximum }: Pick<Sequence, "minimum" | "maximum">) {
  if (value < minimum) {
    const text = `RESTART value (${value}) cannot be less than MINVALUE (${minimum})`;
    throw new SqlError("22023", text);
  }
  if (value > maximum) {
    const text = `RESTART value (${value}) cannot be greater than MAXVALUE (${maximum})`;
    throw new SqlError("22023", text);
  }
}

function ownerOf(path: readonly string[], draft: SchemaDraft): Sequence["ownedBy"] {
  const column = path.at(-1) ?? "";
  if (path.length < 2) {
    throw new SqlError("42601", "invalid OWNED BY option", {
      hint: "Specify OWNED BY table.column or OWNED BY NONE.",
    });
  }
  const table = draft.table(nameInPublic(path.slice(0, -1)));
  if (!table.columns.some((each) => each.name === column)) {
    const text = `column "${column}" of relation "${table.name}" does not exist`;
    throw new SqlError("42703", text);
  }
  return { table: table.name, column };
}

/** Columns remember the sequence that they own. */
function moveOwnership(sequence: Sequence, owner: Sequence["ownedBy"], draft: SchemaDraft): void {
  for (const table of draft.tables()) {
    const columns = table.columns.map((column) => {
      if (owner?.table === table.name && owner.column === column.name) {
        return { ...column, ownedSequence: sequence.name };
      }
      return column.ownedSequence === sequence.name ? { ...column, ownedSequence: null } : column;
    });
    draft.put({ ...table, columns });
  }
}
