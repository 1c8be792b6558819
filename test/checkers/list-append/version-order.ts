/**
 * The order in which a key got its values, as the reads show it: every read must be a prefix of the
 * longest. What failed transactions appended is taken out first, so that a dirty read (G1a) does not
 * also break the order. Finds on the way what needs no cycle to be wrong.
 */
import type { Appends, KeyHistory, Read } from "./appends.ts";
import { type Anomaly, levelsFrom, REFUTED_BY } from "./levels.ts";
import { listText, stepsText } from "./transaction.ts";

export interface VersionOrder {
  readonly key: KeyHistory;
  /** Values in the order of their versions; empty if nothing was read. */
  readonly order: readonly number[];
  /** False: the reads contradict each other, so that nothing can be derived from them. */
  readonly usable: boolean;
  /** As `key.reads`, without what failed transactions appended. */
  readonly reads: readonly Read[];
}

type Name = keyof typeof REFUTED_BY;

export function versionOrder(
  appends: Appends,
  key: KeyHistory,
  report: (anomaly: Anomaly) => void,
): VersionOrder {
  const reads = key.hasFailed
    ? key.reads.map((read) => cleaned(appends, key, read, report))
    : key.reads;
  let longest: readonly number[] = [];
  for (const { list } of reads) if (list.length > longest.length) longest = list;
  const say = (name: Name, read: Read, what: string): void => {
    report(simpleAnomaly(name, `${what}\n${readText(appends, key, read)}`));
  };
  let usable = true;
  for (const read of reads) {
    const { list } = read;
    const same = isPrefix(list, longest);
    if (same && list !== longest) continue;
    const wrong = wrongElement(key, list) ?? wrongOwnOrder(key, list);
    if (wrong !== null) {
      usable = false;
      say(wrong.name, read, wrong.what);
    } else if (!same) {
      usable = false;
      report(incompatible(appends, key, read, longest));
    }
  }
  if (usable) reportIntermediate(appends, key, reads, report);
  return { key, order: longest, usable, reads };
}

export function simpleAnomaly(name: Name, explanation: string): Anomaly {
  return {
    name,
    explanation: `${name}: ${explanation}`,
    refutes: levelsFrom(REFUTED_BY[name], "plain"),
  };
}

export function transactionText(appends: Appends, index: number): string {
  const transaction = appends.transaction(index);
  const { process, node, invokedAt, completedAt, outcome } = transaction;
  const until = outcome === "unknown" ? "?" : String(completedAt);
  return (
    `T${index} [${invokedAt}..${until}] process ${process} at ${node}: ${stepsText(transaction)}` +
    (outcome === "ok" ? "" : ` (${outcome})`)
  );
}

function readText(appends: Appends, key: KeyHistory, read: Read): string {
  return (
    `  ${transactionText(appends, read.transaction)}\n` +
    `  whose step ${read.step + 1} read ${key.key} as ${listText(read.list)}`
  );
}

function isPrefix(short: readonly number[], long: readonly number[]): boolean {
  for (let at = 0; at < short.length; at += 1) if (short[at] !== long[at]) return false;
  return true;
}

/** Reports G1a and dirty updates; answers the read without what failed transactions appended. */
function cleaned(
  appends: Appends,
  key: KeyHistory,
  read: Read,
  report: (anomaly: Anomaly) => void,
): Read {
  const failed = read.list.find((value) => appends.outcomeOf(key, value) === "failed");
  if (failed === undefined) return read;
  const writer = transactionText(appends, appends.writer(key, failed));
  const seen = readText(appends, key, read);
  report(
    simpleAnomaly(
      "G1a",
      `${key.key} shows ${failed} of a failed transaction\n  ${writer}\n${seen}`,
    ),
  );
  const list = read.list.filter((value) => appends.outcomeOf(key, value) !== "failed");
  const after = read.list
    .slice(read.list.indexOf(failed))
    .find((value) => appends.outcomeOf(key, value) !== "failed");
  const updater = after === undefined ? -1 : appends.writer(key, after);
  if (updater !== -1 && updater !== read.transaction) {
    const what = `${after} was appended to ${key.key} on top of ${failed} of a failed transaction`;
    report(
      simpleAnomaly(
        "dirty-update",
        `${what}\n  ${writer}\n  ${transactionText(appends, updater)}\n${seen}`,
      ),
    );
  }
  return { ...read, list };
}

interface WrongList {
  readonly name: Name;
  readonly what: string;
}

function wrongElement(key: KeyHistory, list: readonly number[]): WrongList | null {
  const seen = new Set<number>();
  for (const value of list) {
    if (seen.has(value)) {
      return { name: "duplicate-elements", what: `${value} is in ${key.key} more than once` };
    }
    if (!key.writerOf.has(value)) {
      return { name: "unexpected-element", what: `nobody appended ${value} to ${key.key}` };
    }
    seen.add(value);
  }
  return null;
}

/** What one transaction appended must be in its order, and nothing left out. */
function wrongOwnOrder(key: KeyHistory, list: readonly number[]): WrongList | null {
  if (key.ownBefore.size === 0) return null;
  const seen = new Set<number>();
  for (const value of list) {
    const before = key.ownBefore.get(value);
    if (before !== undefined && !seen.has(before)) {
      const what = `${key.key} has ${value} without ${before} before it, as its transaction appended them`;
      return { name: "incompatible-order", what };
    }
    seen.add(value);
  }
  return null;
}

function incompatible(
  appends: Appends,
  key: KeyHistory,
  read: Read,
  longest: readonly number[],
): Anomaly {
  // Without what may have been undone after it was seen, dirty reads of one order may remain.
  const sure = (list: readonly number[]): readonly number[] =>
    list.filter((value) => appends.outcomeOf(key, value) !== "unknown");
  const [one, other] = [sure(read.list), sure(longest)];
  const dirty = one.length <= other.length ? isPrefix(one, other) : isPrefix(other, one);
  return {
    name: "incompatible-order",
    explanation:
      `incompatible-order: no order of the values of ${key.key} has both this and ` +
      `${listText(longest)}, which another transaction read\n${readText(appends, key, read)}`,
    refutes: levelsFrom(dirty ? ["read-committed"] : REFUTED_BY["incompatible-order"], "plain"),
  };
}

function reportIntermediate(
  appends: Appends,
  key: KeyHistory,
  reads: readonly Read[],
  report: (anomaly: Anomaly) => void,
): void {
  if (key.intermediate.size === 0) return;
  for (const read of reads) {
    const last = read.list.at(-1);
    if (last === undefined || !key.intermediate.has(last)) continue;
    const writer = appends.writer(key, last);
    if (writer === read.transaction) continue;
    const what = `${key.key} ends in ${last}, after which its own transaction appended more`;
    report(
      simpleAnomaly(
        "G1b",
        `${what}\n  ${transactionText(appends, writer)}\n${readText(appends, key, read)}`,
      ),
    );
  }
}
