/** Goal: a client that sends nothing is let go when its session says so, and not before. */
import { beforeEach, expect, test } from "vitest";
import { SessionClock } from "../../../src/node/session-clock.ts";
import { SessionSettings } from "../../../src/sql/settings/session-settings.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let clock: ManualClock;
let settings: SessionSettings;
let limits: SessionClock;
let ended: string[];

beforeEach(() => {
  clock = new ManualClock();
  settings = new SessionSettings();
  ended = [];
  limits = new SessionClock({ clock, settings, terminate: (error) => ended.push(error.sqlState) });
});

test("idle for too long, without a transaction: 57P05", () => {
  settings.set("idle_session_timeout", "2s");
  limits.idle();
  clock.advance(1_999);
  limits.busy();
  clock.advance(10_000);
  expect(ended).toEqual([]);
  limits.idle();
  clock.advance(2_000);
  expect(ended).toEqual(["57P05"]);
});

test("idle for too long in a transaction: 25P03, by a limit of its own", () => {
  settings.set("idle_session_timeout", "1s");
  settings.set("idle_in_transaction_session_timeout", "3s");
  limits.transactionBegun();
  limits.idleInTransaction();
  clock.advance(2_999);
  expect(ended).toEqual([]);
  clock.advance(1);
  expect(ended).toEqual(["25P03"]);
});

test("a transaction that takes too long, busy or not: 25P04", () => {
  settings.set("transaction_timeout", "3s");
  limits.transactionBegun();
  clock.advance(2_000);
  limits.busy();
  clock.advance(1_000);
  expect(ended).toEqual(["25P04"]);
});

test("set in an open transaction the limit counts from then on, and can be lifted", () => {
  limits.transactionBegun();
  clock.advance(5_000);
  settings.set("transaction_timeout", "3s");
  limits.idleInTransaction();
  clock.advance(2_000);
  limits.idleInTransaction();
  settings.set("transaction_timeout", "0");
  limits.idleInTransaction();
  clock.advance(5_000);
  expect(ended).toEqual([]);
  settings.set("transaction_timeout", "1s");
  limits.idleInTransaction();
  clock.advance(1_000);
  expect(ended).toEqual(["25P04"]);
});

test("without limits nothing ends", () => {
  limits.idle();
  limits.transactionBegun();
  limits.idleInTransaction();
  clock.advance(1e9);
  expect(ended).toEqual([]);
});

test("statements that are tried again have the time of each together, and no more: 57014", () => {
  const began = clock.monotonicMs();
  clock.advance(100_000);
  limits.checkStatements(began, 1);
  settings.set("statement_timeout", "1s");
  const again = clock.monotonicMs();
  clock.advance(1_999);
  limits.checkStatements(again, 2);
  clock.advance(1);
  expect(() => limits.checkStatements(again, 2)).toThrow(
    "canceling statement due to statement timeout",
  );
});
