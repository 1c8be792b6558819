/** Goal: advisory locks as PostgreSQL has them, decided by the log; a restart in between changes nothing. */
import { describe, expect, test } from "vitest";
import { ADVISORY_LOCKS_MAX } from "../../../src/base/limits.ts";
import { LOCK_ANSWER } from "../../../src/machine/advisory-locks.ts";
import {
  type AdvisoryLockCommand,
  decodeCommand,
  encodeCommand,
} from "../../../src/machine/command.ts";
import type { AdvisoryLock, AdvisoryLockOperation } from "../../../src/machine/lock-operation.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { ApplyReport, Outcome } from "../../../src/machine/state-machine.ts";
import { entries, NODE, openSession, SESSION } from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const OTHER_NODE = 8;
const OTHER_SESSION = SESSION + 1;
const { yes, no, waits } = LOCK_ANSWER;

function lock(key: number, changes: Partial<AdvisoryLock> = {}): AdvisoryLock {
  return { key: BigInt(key), parts: 1, shared: false, scope: "session", ...changes };
}

const SHARED = { shared: true } as const;
const IN_TRANSACTION = { scope: "transaction" } as const;

/** A machine on which clients of two gateways lock; this node's is SESSION. */
class Locking {
  readonly #directory = temporaryDirectory();
  #machine = this.#open();
  #slot = 1;
  #sequence = 0;

  constructor() {
    this.#machine.apply(entries(1, [openSession(), openSession(OTHER_NODE)]));
  }

  apply(command: Uint8Array): ApplyReport {
    this.#slot += 1;
    return this.#machine.apply(entries(this.#slot, [command]));
  }

  run(client: number, operation: AdvisoryLockOperation, session = SESSION): ApplyReport {
    return this.apply(encodeCommand(this.#command(client, operation, session)));
  }

  /** What the client is told: an answer, or the code of an error. */
  told(
    client: number,
    kind: "try" | "acquire" | "ask" | "giveUp" | "release",
    wanted: AdvisoryLock,
  ) {
    return answer(this.run(client, { kind, lock: wanted }).reports[0]?.outcome);
  }

  /** Carries out and says which clients of this node have now what they waited for. */
  served(client: number, operation: AdvisoryLockOperation, session = SESSION): readonly number[] {
    return (this.run(client, operation, session).grants ?? []).map((grant) => grant.client);
  }

  restart(): void {
    this.#machine.close();
    this.#machine = this.#open();
  }

  #open(): Machine {
    const machine = new Machine({ directory: this.#directory, node: NODE, durability: "none" });
    machine.open();
    return machine;
  }

  #command(client: number, operation: AdvisoryLockOperation, session: number): AdvisoryLockCommand {
    this.#sequence += 1;
    const identity = { session, sequence: this.#sequence, settledBelow: 1 };
    return { kind: "advisoryLock", identity, database: 1, client, operation };
  }
}

function answer(outcome: Outcome | undefined): number | string | undefined {
  if (outcome?.kind === "done") return outcome.results[0]?.count;
  return outcome?.kind === "failed" ? outcome.sqlState : outcome?.kind;
}

describe("who has a lock", () => {
  test("one client alone, or several that share it; keys of one and of two integers never meet", () => {
    const locks = new Locking();
    expect(locks.told(1, "try", lock(5))).toBe(yes);
    expect(locks.told(2, "try", lock(5))).toBe(no);
    expect(locks.told(2, "try", lock(5, SHARED))).toBe(no);
    expect(locks.told(2, "try", lock(5, { parts: 2 }))).toBe(yes);
    expect(locks.told(1, "try", lock(6, SHARED))).toBe(yes);
    expect(locks.told(2, "try", lock(6, SHARED))).toBe(yes);
    expect(locks.told(3, "try", lock(6))).toBe(no);
  });

  test("taken twice, it is let go twice; letting go what one has not is answered with no", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5));
    locks.told(1, "try", lock(5));
    expect(locks.told(1, "release", lock(5, SHARED))).toBe(no);
    expect(locks.told(2, "release", lock(5))).toBe(no);
    expect(locks.told(1, "release", lock(5))).toBe(yes);
    expect(locks.told(2, "try", lock(5))).toBe(no);
    expect(locks.told(1, "release", lock(5))).toBe(yes);
    expect(locks.told(1, "release", lock(5))).toBe(no);
    expect(locks.told(2, "try", lock(5))).toBe(yes);
  });

  test("a client's own locks never stand in its way, in whatever form and for whichever time", () => {
    const locks = new Locking();
    expect(locks.told(1, "try", lock(5, SHARED))).toBe(yes);
    expect(locks.told(1, "try", lock(5, IN_TRANSACTION))).toBe(yes);
    expect(locks.told(1, "release", lock(5))).toBe(no);
  });

  test("the end of a transaction lets go what was taken for it, and no more", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5, IN_TRANSACTION));
    locks.told(1, "try", lock(6));
    locks.run(1, { kind: "releaseAll", scope: "transaction" });
    expect(locks.told(2, "try", lock(5))).toBe(yes);
    expect(locks.told(2, "try", lock(6))).toBe(no);
    locks.run(1, { kind: "releaseAll", scope: "session" });
    expect(locks.told(2, "try", lock(6))).toBe(yes);
  });

  test("there is a bound: 53200, and what one has can still be taken again", () => {
    const locks = new Locking();
    for (let key = 0; key < ADVISORY_LOCKS_MAX; key += 1) {
      locks.run(1, { kind: "try", lock: lock(key) });
    }
    expect(locks.told(1, "try", lock(ADVISORY_LOCKS_MAX))).toBe("53200");
    expect(locks.told(2, "acquire", lock(0))).toBe("53200");
    expect(locks.told(1, "try", lock(0))).toBe(yes);
  });
});

describe("who waits", () => {
  test("in the order in which they came; those who share do not keep out who does not", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5, SHARED));
    expect(locks.told(2, "acquire", lock(5))).toBe(waits);
    expect(locks.told(3, "acquire", lock(5, SHARED))).toBe(waits);
    expect(locks.told(4, "try", lock(5, SHARED))).toBe(no);
    expect(locks.told(2, "ask", lock(5))).toBe(waits);
    locks.restart();
    expect(locks.served(1, { kind: "release", lock: lock(5, SHARED) })).toEqual([2]);
    expect(locks.told(2, "ask", lock(5))).toBe(yes);
    expect(locks.told(4, "acquire", lock(5, SHARED))).toBe(waits);
    expect(locks.served(2, { kind: "releaseAll", scope: null })).toEqual([3, 4]);
  });

  test("one who has the key passes the queue, which waits for it anyway", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5, SHARED));
    locks.told(2, "try", lock(5, SHARED));
    locks.told(3, "acquire", lock(5));
    expect(locks.told(1, "acquire", lock(5, SHARED))).toBe(yes);
    expect(locks.told(1, "acquire", lock(5))).toBe(waits);
    expect(locks.served(2, { kind: "release", lock: lock(5, SHARED) })).toEqual([1]);
  });

  test("who gives up makes way for those behind; if it has the lock by then, it lets it go", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5, SHARED));
    locks.told(2, "acquire", lock(5));
    locks.told(3, "acquire", lock(5, SHARED));
    expect(locks.served(2, { kind: "giveUp", lock: lock(5) })).toEqual([3]);
    locks.told(4, "acquire", lock(5));
    locks.run(1, { kind: "releaseAll", scope: null });
    expect(locks.served(3, { kind: "releaseAll", scope: null })).toEqual([4]);
    locks.told(4, "giveUp", lock(5));
    expect(locks.told(5, "try", lock(5))).toBe(yes);
  });

  test("a wait that would close a circle is 40P01 and changes nothing; the others go on", () => {
    const locks = new Locking();
    for (const client of [1, 2, 3]) locks.told(client, "try", lock(client));
    expect(locks.told(1, "acquire", lock(2))).toBe(waits);
    expect(locks.told(2, "acquire", lock(3))).toBe(waits);
    expect(locks.told(3, "acquire", lock(1))).toBe("40P01");
    expect(locks.served(3, { kind: "releaseAll", scope: null })).toEqual([2]);
    expect(locks.told(3, "acquire", lock(1))).toBe(waits);
  });

  test("a place in the queue counts as well: a circle over one who only stands before", () => {
    const locks = new Locking();
    locks.told(1, "try", lock(5, SHARED));
    locks.told(3, "try", lock(6));
    expect(locks.told(2, "acquire", lock(5))).toBe(waits);
    expect(locks.told(3, "acquire", lock(5, SHARED))).toBe(waits);
    expect(locks.told(1, "acquire", lock(6))).toBe("40P01");
  });
});

describe("a gateway's session that is closed", () => {
  test("by the leader: its locks are free, its waiters gone, and its commands never run", () => {
    const locks = new Locking();
    locks.run(1, { kind: "try", lock: lock(5) }, OTHER_SESSION);
    locks.told(1, "try", lock(6));
    locks.run(2, { kind: "acquire", lock: lock(6) }, OTHER_SESSION);
    expect(locks.told(9, "acquire", lock(5))).toBe(waits);
    const close = (node: number, upTo: number): ApplyReport =>
      locks.apply(encodeCommand({ kind: "closeSession", node, upTo }));
    expect(close(OTHER_NODE, OTHER_SESSION - 1).grants).toEqual([]);
    const { grants, reports } = close(OTHER_NODE, OTHER_SESSION);
    expect(grants).toEqual([{ session: SESSION, client: 9 }]);
    expect(reports).toMatchObject([{ outcome: { kind: "sessionClosed", node: OTHER_NODE } }]);
    expect(locks.run(3, { kind: "try", lock: lock(7) }, OTHER_SESSION).reports).toMatchObject([
      { outcome: { kind: "unknown" } },
    ]);
    expect(locks.told(1, "try", lock(7))).toBe(yes);
    locks.told(1, "release", lock(6));
    expect(locks.told(3, "try", lock(6))).toBe(yes);
  });

  test("by its node, which has started again", () => {
    const locks = new Locking();
    locks.run(1, { kind: "try", lock: lock(5) }, OTHER_SESSION);
    expect(locks.told(9, "acquire", lock(5))).toBe(waits);
    expect(locks.apply(openSession(OTHER_NODE, "another process")).grants).toEqual([
      { session: SESSION, client: 9 },
    ]);
  });
});

test("its commands are read as they were written", () => {
  const identity = { session: 1, sequence: 2, settledBelow: 1 };
  const wanted = lock(0, { key: -(2n ** 63n), parts: 2, shared: true, scope: "transaction" });
  const operations: AdvisoryLockOperation[] = [
    ...(["try", "acquire", "ask", "giveUp", "release"] as const).map((kind) => ({
      kind,
      lock: wanted,
    })),
    ...([null, "session", "transaction"] as const).map((scope) => ({
      kind: "releaseAll" as const,
      scope,
    })),
  ];
  for (const operation of operations) {
    const command = { kind: "advisoryLock", identity, database: 4, client: 3, operation } as const;
    expect(decodeCommand(encodeCommand(command))).toEqual(command);
  }
  const close = { kind: "closeSession", node: 3, upTo: 4096 } as const;
  expect(decodeCommand(encodeCommand(close))).toEqual(close);
});
