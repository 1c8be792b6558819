import { describe, expect, it } from "vitest";
import type { Relation } from "../../../../src/sql/catalog/catalog.ts";
import {
  DefinitionError,
  decodeRelation,
  encodeRelation,
} from "../../../../src/sql/catalog/stored.ts";

const EXPRESSION = { postgres: "(a > 0)", sqlite: '("a" > 0)' };
const COLUMN = {
  name: "a",
  number: 1,
  typeOid: 23,
  typeModifier: -1,
  notNull: true,
  default: EXPRESSION,
  identity: "always",
  ownedSequence: "t_a_seq",
  generated: true,
  comment: "first",
} as const;

const RELATIONS: readonly Relation[] = [
  {
    kind: "table",
    oid: 16384,
    name: "t",
    columns: [COLUMN],
    nextColumnNumber: 2,
    constraints: [
      { kind: "primaryKey", oid: 1, name: "k", columns: ["a"], indexOid: 2, comment: "key" },
      { kind: "unique", oid: 3, name: "u", columns: ["a"], indexOid: 4 },
      { kind: "check", oid: 5, name: "c", expression: EXPRESSION },
      {
        kind: "foreignKey",
        oid: 6,
        name: "f",
        columns: ["a"],
        foreignTable: "t",
        foreignColumns: ["a"],
        onDelete: "setNull",
        onUpdate: "cascade",
        deferrable: true,
        initiallyDeferred: false,
      },
    ],
    rowidColumn: "a",
    comment: "table",
  },
  { kind: "view", oid: 7, name: "v", columns: [], query: EXPRESSION },
  {
    kind: "index",
    oid: 8,
    name: "i",
    table: "t",
    unique: false,
    method: "btree",
    keys: [{ column: null, expression: EXPRESSION, descending: true, nullsFirst: true }],
    where: EXPRESSION,
    constraint: null,
  },
  {
    kind: "sequence",
    oid: 9,
    name: "s",
    typeOid: 20,
    start: -9223372036854775808n,
    increment: 1n,
    minimum: -9223372036854775808n,
    maximum: 9223372036854775807n,
    cycle: true,
    ownedBy: { table: "t", column: "a" },
  },
];

describe("stored relations", () => {
  it.each(RELATIONS)("a $kind comes back as it was, big integers included", (relation) => {
    expect(decodeRelation(encodeRelation(relation))).toEqual(relation);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["another kind", '{"kind":"trigger"}'],
    ["a missing field", encodeRelation(RELATIONS[0] as Relation).replace('"oid":16384,', "")],
    [
      "a number for a text",
      encodeRelation(RELATIONS[0] as Relation).replace('"name":"t"', '"name":1'),
    ],
    ["an unknown action", encodeRelation(RELATIONS[0] as Relation).replace("setNull", "explode")],
    ["a fraction", encodeRelation(RELATIONS[0] as Relation).replace('"oid":16384', '"oid":1.5')],
    [
      "a bad big integer",
      encodeRelation(RELATIONS[3] as Relation).replace('"increment":"1"', '"increment":"1x"'),
    ],
  ])("%s is refused", (_what, text) => {
    expect(() => decodeRelation(text)).toThrow(DefinitionError);
  });
});
