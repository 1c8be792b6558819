/** Write skew: two people a duty, of whom one may leave if the other is there. */
import type { Operation } from "../../../checkers/history.ts";
import type { OnCallInput, OnCallOutput } from "../../../checkers/workloads/on-call.ts";
import { DUTIES, ON_CALL, SET_ON_CALL } from "../small-statements.ts";
import { inTransaction, type Turn } from "./turn.ts";

export type OnCallOperation = Operation<OnCallInput, OnCallOutput>;

export class OnCallClients {
  readonly history: OnCallOperation[] = [];

  async step(turn: Turn): Promise<void> {
    const { random, record, node } = turn;
    const duty = random.below(DUTIES);
    const kind = random.below(4) === 0 ? "read" : "change";
    const ended = record.began(node, this.history, { kind, duty: `${duty}` });
    try {
      const there = await inTransaction(turn, { begin: "BEGIN", end: "COMMIT" }, async () => {
        const rows = await turn.connection.execute(ON_CALL, [BigInt(duty)]);
        await turn.think();
        if (kind === "change") await change(turn, duty, rows.length);
        return rows.length;
      });
      ended("ok", there);
      record.reached(`on-call ${kind}${there > 1 ? "" : " of one who is alone"}`);
    } catch (error) {
      ended(record.outcomeOf(error), null);
    }
  }
}

/** Whoever is alone calls the other; of two one goes. */
async function change({ connection, random }: Turn, duty: number, there: number): Promise<void> {
  const people = [2n * BigInt(duty), 2n * BigInt(duty) + 1n] as const;
  if (there > 1) {
    await connection.execute(SET_ON_CALL, [people[random.below(2) === 0 ? 0 : 1], 0n]);
    return;
  }
  for (const person of people) await connection.execute(SET_ON_CALL, [person, 1n]);
}
