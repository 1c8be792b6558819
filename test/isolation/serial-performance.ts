/** Finds out what a server answers to a case's transactions in every order one after the other. */
import { type IsolationCase, stepsOf } from "./isolation-case.ts";
import { type Connect, performInOrder } from "./perform.ts";
import {
  orderName,
  type SerialAnswer,
  type SerialAnswers,
  serialOrders,
} from "./serial-answers.ts";

/** `setUp` puts the tables back to what they are after the case's setup. */
export async function serialAnswers(
  story: IsolationCase,
  connect: Connect,
  setUp: () => Promise<unknown>,
): Promise<SerialAnswers> {
  const serial: Record<string, SerialAnswer> = {};
  const steps = stepsOf(story);
  for (const order of serialOrders(story)) {
    await setUp();
    const { answers, final } = await performInOrder(story, order, connect);
    const last = steps.filter(({ letter }) => letter === order.at(-1)).length;
    const outcomes = answers.slice(answers.length - last).map(({ outcome }) => outcome);
    serial[orderName(order)] = { outcomes, final };
  }
  return serial;
}
