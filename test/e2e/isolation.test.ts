/**
 * Goal: whatever the order of statements, what was committed is serializable, over connections to
 * different nodes. Method: each story of test/isolation/cases in a database of its own, its
 * transactions at n1, n2, n3 and n1 again; the answers are judged by those of PostgreSQL to the same
 * transactions one after the other, and each transaction must end as docs/isolation.md says.
 */
import { describe, expect, test } from "vitest";
import { CASE_GROUPS } from "../isolation/cases/all-cases.ts";
import { endsOf, stepsOf } from "../isolation/isolation-case.ts";
import { serializationProblems } from "../isolation/judge.ts";
import { connectToNodes } from "../isolation/node-performers.ts";
import { perform } from "../isolation/perform.ts";
import { answersTo, readPostgresAnswers } from "../isolation/postgres-answers.ts";
import { testCluster } from "../support/cluster/cluster.ts";
import { withClient } from "../support/cluster/writers.ts";

const cluster = testCluster();
const recorded = readPostgresAnswers();
let databases = 0;

describe.each(CASE_GROUPS)("$title", ({ cases }) => {
  test.each(cases)("$name ($idea)", async (story) => {
    databases += 1;
    const database = `story_${databases}`;
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error("the cluster has no node");
    await withClient(first, (client) => client.query(`CREATE DATABASE ${database}`));
    const connect = connectToNodes(cluster, database);
    const director = await connect(0);
    for (const statement of story.setup.split(";")) await director.run(statement);
    await director.end();
    const seen = await perform(story, connect);
    const steps = stepsOf(story);
    // Told beside the verdict, so that a failure shows what happened.
    const told = steps.map(
      ({ letter, statement }, at) => `${letter}: ${statement} -> ${seen.answers[at]?.outcome}`,
    );
    const { serial } = answersTo(story, recorded);
    expect({
      told,
      final: seen.final,
      problems: serializationProblems(story, seen, serial),
      ends: endsOf(steps, seen.answers),
    }).toEqual({ told, final: seen.final, problems: [], ends: story.synod });
  });
});
