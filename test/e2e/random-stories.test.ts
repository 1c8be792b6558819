/**
 * Goal: transactions over different nodes are serializable in stories that nobody thought of, too.
 * Method: each is performed with its steps as they were shuffled, then its transactions one after the
 * other in every order; the judge compares. STORIES sets how many, SEED which.
 */
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/random.ts";
import { endsOf, stepsOf } from "../isolation/isolation-case.ts";
import { serializationProblems } from "../isolation/judge.ts";
import { connectToNodes } from "../isolation/node-performers.ts";
import { perform } from "../isolation/perform.ts";
import { randomStory } from "../isolation/random-story.ts";
import { serialAnswers } from "../isolation/serial-performance.ts";
import { testCluster } from "../support/cluster/cluster.ts";
import { withClient } from "../support/cluster/writers.ts";

const STORIES = Number(process.env["STORIES"] ?? 25);
const SEED = Number(process.env["SEED"] ?? 1);
const STORY_MS_MAX = 5_000;

const cluster = testCluster();

test(
  `${STORIES} random stories: what is committed is serializable, what is not saw what was`,
  async () => {
    const ends: string[] = [];
    for (let seed = SEED; seed < SEED + STORIES; seed += 1) {
      const story = randomStory(new SeededRandom(seed), `seed ${seed}`);
      const connect = connectToNodes(cluster, "synod");
      const setUp = () => withClient(cluster.node("n1"), (client) => client.query(story.setup));
      await setUp();
      const seen = await perform(story, connect);
      const serial = await serialAnswers(story, connect, setUp);
      const steps = stepsOf(story);
      ends.push(...Object.values(endsOf(steps, seen.answers)));
      const problems = serializationProblems(story, seen, serial);
      if (problems.length === 0) continue;
      const told = steps.map(
        ({ letter, statement }, at) => `${letter}: ${statement} -> ${seen.answers[at]?.outcome}`,
      );
      throw new Error([story.name, ...problems, ...told, `finally: ${seen.final}`].join("\n"));
    }
    // Stories in which nothing ever happens, or never at once, would prove nothing.
    expect(ends).toContain("commits");
    expect(ends).toContain("40001");
  },
  STORIES * STORY_MS_MAX,
);
