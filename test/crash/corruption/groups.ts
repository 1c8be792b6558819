/** One damaged cluster from a group, and how a group of them is run and counted. */
import type { StoredCluster } from "../../support/storage/stored-cluster.ts";
import {
  type DamagedNode,
  type Outcome,
  ROUNDS_MAX,
  ROUNDS_WATCHED,
  startAll,
  startOne,
  watch,
} from "./experiment.ts";
import { isProofLost } from "./places.ts";
import type { Template } from "./template.ts";
import { complaintsOf, type Expected, expectedOf, forgotten, isLoud } from "./verdict.ts";

export interface CorruptionCase {
  readonly label: string;
  readonly template: Template;
  readonly nodes: ReadonlyMap<number, DamagedNode>;
  /** What is owed, known from what was damaged; left out: judged by what the nodes can read. */
  readonly expected?: Expected;
  /** The node that is down comes back afterwards, and this is owed then. */
  readonly expectedWithAll?: Expected;
}

export interface Group {
  readonly name: string;
  readonly states: number;
  /** The case of a number from 0 to `states` - 1. */
  readonly caseOf: (index: number) => CorruptionCase;
}

export interface GroupResult {
  readonly name: string;
  readonly states: number;
  readonly recovered: number;
  readonly refused: number;
  /** Of the refused: a good copy of each item was left, but too few logs could say what they lost. */
  readonly undecidable: number;
  /** Not judged: a node lost both its last batch and the seal behind it. */
  readonly unproven: number;
  /** Label and complaint. */
  readonly violations: readonly string[];
}

const VIOLATIONS_KEPT = 20;

/** Runs every `stride`-th case. */
export async function runGroup(
  group: Group,
  stride: number,
  onCase: (done: number) => void,
): Promise<GroupResult> {
  let states = 0;
  let recovered = 0;
  let undecidable = 0;
  let unproven = 0;
  const violations: string[] = [];
  for (let index = 0; index < group.states; index += stride) {
    const wanted = group.caseOf(index);
    const verdict = await judge(wanted);
    states += 1;
    if (verdict.isUnproven) unproven += 1;
    else if (verdict.recovered) recovered += 1;
    else if (verdict.expected === "either") undecidable += 1;
    for (const complaint of verdict.complaints) {
      if (violations.length < VIOLATIONS_KEPT) violations.push(`${wanted.label}: ${complaint}`);
    }
    onCase(states);
  }
  const refused = states - recovered - unproven;
  return { name: group.name, states, recovered, refused, undecidable, unproven, violations };
}

interface Verdict {
  readonly recovered: boolean;
  readonly expected: Expected;
  readonly isUnproven: boolean;
  readonly complaints: readonly string[];
}

async function judge(wanted: CorruptionCase): Promise<Verdict> {
  const { template, nodes } = wanted;
  const cluster = await startAll(template, nodes);
  const silent = cluster.running.filter((node) => forgotten(template, node).length > 0);
  if (silent.length > 0 && silent.every(({ id }) => isProofLost(template, id, nodes.get(id)))) {
    return { recovered: false, expected: "either", isUnproven: true, complaints: [] };
  }
  const first = await judgeRun(wanted, cluster, wanted.expected);
  const down = [...nodes].find(([, node]) => node.down === true);
  const complaints = silent.flatMap((node) => forgotten(template, node));
  if (down === undefined) return { ...first, complaints: [...complaints, ...first.complaints] };
  await startOne(cluster, ...down);
  const second = await judgeRun(wanted, cluster, wanted.expectedWithAll);
  return { ...first, complaints: [...complaints, ...first.complaints, ...second.complaints] };
}

async function judgeRun(
  { template }: CorruptionCase,
  cluster: StoredCluster,
  known: Expected | undefined,
): Promise<Verdict> {
  const expected = known ?? expectedOf(template, cluster.running);
  const rounds = expected === "recover" ? ROUNDS_MAX : ROUNDS_WATCHED;
  const outcome: Outcome = await watch(cluster, template, rounds);
  const complaints = [...complaintsOf(outcome, expected)];
  if (!outcome.recovered && !isLoud(outcome)) complaints.push("waits without a word");
  return { recovered: outcome.recovered, expected, isUnproven: false, complaints };
}
