import type { IsolationCase } from "../isolation-case.ts";
import { CONSTRAINT_CASES } from "./constraint-cases.ts";
import { ITEM_CASES } from "./item-cases.ts";
import { LOCK_CASES } from "./lock-cases.ts";
import { PREDICATE_CASES } from "./predicate-cases.ts";
import { STORY_CASES } from "./story-cases.ts";

export interface CaseGroup {
  readonly title: string;
  readonly cases: readonly IsolationCase[];
}

export const CASE_GROUPS: readonly CaseGroup[] = [
  { title: "Single rows", cases: ITEM_CASES },
  { title: "Sets of rows", cases: PREDICATE_CASES },
  { title: "Stories", cases: STORY_CASES },
  { title: "Keys, references and the schema", cases: CONSTRAINT_CASES },
  { title: "Locks, savepoints and failures", cases: LOCK_CASES },
];

export const ALL_CASES: readonly IsolationCase[] = CASE_GROUPS.flatMap(({ cases }) => cases);
