/**
 * What a case's transactions are answered when they run one after the other: for each order in which
 * any of them can run, the last one's answers and the state after it. An order is its letters joined;
 * the answers of the earlier ones stand at the shorter orders.
 */
import { type IsolationCase, lettersOf, type Step, stepsOf } from "./isolation-case.ts";

export interface SerialAnswer {
  /** Of the last transaction of the order. */
  readonly outcomes: readonly string[];
  readonly final: string;
}

export type SerialAnswers = Readonly<Record<string, SerialAnswer>>;

/** Whether `earlier` had ended before `later` began: no order may turn them around. */
export function precedes(steps: readonly Step[], earlier: string, later: string): boolean {
  const lettersInOrder = steps.map(({ letter }) => letter);
  return lettersInOrder.lastIndexOf(earlier) < lettersInOrder.indexOf(later);
}

/** Every order of some or all of the transactions that the clients could have seen; the empty one first. */
export function serialOrders(story: IsolationCase): readonly (readonly string[])[] {
  const steps = stepsOf(story);
  const letters = lettersOf(steps);
  const orders: (readonly string[])[] = [];
  const extend = (order: readonly string[]): void => {
    orders.push(order);
    for (const letter of letters) {
      const isFree = !order.includes(letter);
      if (isFree && !order.some((other) => precedes(steps, letter, other))) {
        extend([...order, letter]);
      }
    }
  };
  extend([]);
  return orders;
}

export function orderName(order: readonly string[]): string {
  return order.join("");
}
