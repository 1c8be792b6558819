/** DROP TABLE, VIEW, INDEX and SEQUENCE, with what depends on them. */
import type { DropStmt, ObjectType } from "libpg-query";
import { listItems, stringsOf } from "../analyze/nodes.ts";
import type { Relation, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { defaultsOver, viewsOver } from "./dependencies.ts";
import { nameInPublic } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

const KINDS: Partial<Record<ObjectType, Relation["kind"]>> = {
  OBJECT_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_INDEX: "index",
  OBJECT_SEQUENCE: "sequence",
};

/** Objects that Synod never has: dropping them IF EXISTS is fine, otherwise 42704. */
const ABSENT: Partial<Record<ObjectType, string>> = {
  OBJECT_EXTENSION: "extension",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "type",
  OBJECT_SCHEMA: "schema",
  OBJECT_MATVIEW: "materialized view",
  OBJECT_FOREIGN_TABLE: "foreign table",
  OBJECT_TRIGGER: "trigger",
  OBJECT_COLLATION: "collation",
};

export function drop(statement: DropStmt, draft: SchemaDraft): void {
  const type = statement.removeType ?? "OBJECT_TABLE";
  const kind = KINDS[type];
  const names = (statement.objects ?? []).map((object) =>
    "TypeName" in object
      ? stringsOf(object.TypeName.names)
      : stringsOf("List" in object ? listItems(object) : [object]),
  );
  if (kind === undefined) {
    dropAbsent(type, names, { missingOk: statement.missing_ok === true, draft });
    return;
  }
  const targets = names.flatMap((path) => {
    const name = nameInPublic(path);
    return findTarget(name, kind, statement.missing_ok === true, draft) ? [name] : [];
  });
  const removal = new Removal(draft, statement.behavior === "DROP_CASCADE");
  removal.run(targets);
}

function dropAbsent(
  type: ObjectType,
  names: readonly (readonly string[])[],
  { missingOk, draft }: { readonly missingOk: boolean; readonly draft: SchemaDraft },
): void {
  const label = ABSENT[type];
  if (label === undefined) throw notSupported(`DROP ${type.replace("OBJECT_", "")}`);
  for (const path of names) {
    const name = path.join(".");
    if (label === "schema" && name === "public") throw notSupported("DROP SCHEMA public");
    const text = `${label} "${name}" does not exist`;
    if (!missingOk) throw new SqlError(label === "schema" ? "3F000" : "42704", text);
    draft.notice("00000", `${text}, skipping`);
  }
}

function findTarget(
  name: string,
  kind: Relation["kind"],
  missingOk: boolean,
  draft: SchemaDraft,
): boolean {
  const relation = draft.relation(name);
  if (relation?.kind === kind) return true;
  if (relation !== undefined) {
    const article = kind === "index" ? "an" : "a";
    throw new SqlError("42809", `"${name}" is not ${article} ${kind}`, {
      hint: `Use DROP ${relation.kind.toUpperCase()} to remove ${relation.kind === "index" ? "an" : "a"} ${relation.kind}.`,
    });
  }
  if (!missingOk) {
    throw new SqlError(kind === "index" ? "42704" : "42P01", `${kind} "${name}" does not exist`);
  }
  draft.notice("00000", `${kind} "${name}" does not exist, skipping`);
  return false;
}

/** One statement's removal: what goes by itself, what goes by CASCADE, and what forbids it. */
export class Removal {
  readonly #draft: SchemaDraft;
  readonly #cascade: boolean;
  readonly #going = new Set<string>();
  readonly #blockers: string[] = [];
  readonly #cascaded: string[] = [];

  constructor(draft: SchemaDraft, cascade: boolean) {
    this.#draft = draft;
    this.#cascade = cascade;
  }

  /** Removes relations by name; 2BP01 if something else needs one and CASCADE was not said. */
  run(names: readonly string[]): void {
    for (const name of names) this.#going.add(name);
    for (const name of names) this.#remove(name);
    this.settle(names.map((name) => this.#describeGone(name)).join(", "));
  }

  /** Something that depends on `on`: goes with CASCADE, else it is remembered as a blocker. */
  dependent(what: string, on: string, remove: () => void): void {
    this.#blockers.push(`${what} depends on ${on}`);
    this.#cascaded.push(what);
    if (this.#cascade) remove();
  }

  view(name: string, on: string): void {
    if (this.#going.has(name)) return;
    this.dependent(`view ${name}`, on, () => {
      this.#going.add(name);
      this.#remove(name);
    });
  }

  /** Throws 2BP01 if there are blockers, or tells what CASCADE took along. */
  settle(subject: string): void {
    if (this.#blockers.length === 0) return;
    if (!this.#cascade) {
      const text = subject.includes(", ")
        ? "cannot drop desired object(s) because other objects depend on them"
        : `cannot drop ${subject} because other objects depend on it`;
      throw new SqlError("2BP01", text, {
        detail: this.#blockers.join("\n"),
        hint: "Use DROP ... CASCADE to drop the dependent objects too.",
      });
    }
    const [only, ...others] = this.#cascaded;
    const text =
      others.length === 0
        ? `drop cascades to ${only ?? ""}`
        : `drop cascades to ${this.#cascaded.length} other objects`;
    this.#draft.notice("00000", text);
  }

  #remove(name: string): void {
    const relation = this.#draft.relation(name);
    if (relation === undefined) return;
    switch (relation.kind) {
      case "table":
        this.#removeTable(relation);
        return;
      case "view":
        this.#removeViewsOver(name, `view ${name}`);
        break;
      case "sequence":
        this.#assertNoIdentity(name);
        this.#removeDefaults(name);
        break;
      case "index":
        assertNotConstraint(relation.name, relation.constraint, relation.table);
        break;
    }
    this.#draft.remove(name);
  }

  #removeTable(table: Table): void {
    const on = `table ${table.name}`;
    this.#removeViewsOver(table.name, on);
    for (const other of this.#draft.tables()) {
      if (this.#going.has(other.name)) continue;
      const keys = other.constraints.filter(
        (each) => each.kind === "foreignKey" && each.foreignTable === table.name,
      );
      for (const key of keys) {
        this.dependent(`constraint ${key.name} on table ${other.name}`, on, () => {
          const now = this.#draft.table(other.name);
          const constraints = now.constraints.filter((each) => each.oid !== key.oid);
          this.#draft.put({ ...now, constraints });
        });
      }
    }
    for (const index of this.#draft.indexesOf(table.name)) this.#draft.remove(index.name);
    for (const sequence of this.#draft.sequences()) {
      if (sequence.ownedBy?.table === table.name) {
        this.#going.add(table.name);
        this.#removeDefaults(sequence.name);
        this.#draft.remove(sequence.name);
      }
    }
    this.#draft.remove(table.name);
  }

  #removeViewsOver(name: string, on: string): void {
    for (const view of viewsOver(name, this.#draft)) this.view(view.name, on);
  }

  /** Even with CASCADE an identity column keeps its sequence. */
  #assertNoIdentity(sequence: string): void {
    for (const table of this.#draft.tables()) {
      if (this.#going.has(table.name)) continue;
      for (const { name, identity, ownedSequence } of table.columns) {
        if (identity === null || ownedSequence !== sequence) continue;
        throw new SqlError(
          "2BP01",
          `cannot drop sequence ${sequence} because column ${name} of table ${table.name} requires it`,
          { hint: `You can drop column ${name} of table ${table.name} instead.` },
        );
      }
    }
  }

  #removeDefaults(sequence: string): void {
    for (const { table, column } of defaultsOver(sequence, this.#draft)) {
      if (this.#going.has(table.name)) continue;
      const what = `default value for column ${column.name} of table ${table.name}`;
      this.dependent(what, `sequence ${sequence}`, () => {
        const now = this.#draft.table(table.name);
        this.#draft.put({
          ...now,
          columns: now.columns.map((each) =>
            each.number === column.number ? { ...each, default: null, ownedSequence: null } : each,
          ),
        });
      });
    }
  }

  #describeGone(name: string): string {
    for (const relation of this.#draft.before.relations.values()) {
      if (relation.name === name) return `${relation.kind} ${name}`;
    }
    return name;
  }
}

function assertNotConstraint(index: string, constraint: string | null, table: string): void {
  if (constraint === null) return;
  throw new SqlError(
    "2BP01",
    `cannot drop index ${index} because constraint ${constraint} on table ${table} requires it`,
    { hint: `You can drop constraint ${constraint} on table ${table} instead.` },
  );
}
