/** Performs a case: sends its steps one after the other, each when the one before has been answered. */
import { setTimeout } from "node:timers/promises";
import {
  type Answer,
  type IsolationCase,
  lettersOf,
  type Performance,
  type Step,
  stepsOf,
} from "./isolation-case.ts";

/** One connection. */
export interface Performer {
  run(statement: string): Promise<string>;
  /** Whether what it runs waits for another transaction. */
  isBlocked(): Promise<boolean>;
  end(): Promise<void>;
}

/** A connection for the transaction with this number, from 0. */
export type Connect = (number: number) => Promise<Performer>;

const ASK_AGAIN_MS = 2;

/** The tables must be as after the case's setup. */
export async function perform(story: IsolationCase, connect: Connect): Promise<Performance> {
  const steps = stepsOf(story);
  const performers = await connectAll(lettersOf(steps), connect);
  try {
    const answers: Promise<Answer>[] = [];
    for (const step of steps) answers.push((await cue(step, performers)).answer);
    return { answers: await Promise.all(answers), final: await finalState(story, connect) };
  } finally {
    await Promise.all([...performers.values()].map((performer) => performer.end()));
  }
}

/** The transactions of `order`, each from its first step to its last before the next one begins. */
export async function performInOrder(
  story: IsolationCase,
  order: readonly string[],
  connect: Connect,
): Promise<Performance> {
  const steps = stepsOf(story);
  const script = order.flatMap((letter) => steps.filter((step) => step.letter === letter));
  const serial = script.map(({ letter, statement }) => `${letter}: ${statement}`).join("\n");
  return perform({ ...story, script: serial }, connect);
}

async function finalState(story: IsolationCase, connect: Connect): Promise<string> {
  const performer = await connect(0);
  try {
    return await performer.run(story.final);
  } finally {
    await performer.end();
  }
}

async function connectAll(
  letters: readonly string[],
  connect: Connect,
): Promise<ReadonlyMap<string, Performer>> {
  const entries = letters.map(
    async (letter, number) => [letter, inTurn(await connect(number))] as const,
  );
  return new Map(await Promise.all(entries));
}

/** Sends a step; settles when it is answered or waits: hence the object around the answer. */
async function cue(
  { letter, statement }: Step,
  performers: ReadonlyMap<string, Performer>,
): Promise<{ readonly answer: Promise<Answer> }> {
  const performer = performers.get(letter);
  if (performer === undefined) throw new Error(`nobody performs ${letter}`);
  let settled = false;
  let waited = false;
  const answer = performer.run(statement).then((outcome): Answer => {
    settled = true;
    return { outcome, waited };
  });
  const isOpen = (): boolean => !settled;
  while (isOpen() && !waited) {
    await Promise.race([answer, setTimeout(ASK_AGAIN_MS)]);
    waited = isOpen() && (await performer.isBlocked());
  }
  return { answer };
}

/** A statement behind one that waits is sent when that one is answered. */
function inTurn(performer: Performer): Performer {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    run: (statement) => {
      const answer = turn.then(() => performer.run(statement));
      turn = answer.catch(() => undefined);
      return answer;
    },
    isBlocked: () => performer.isBlocked(),
    end: () => performer.end(),
  };
}
