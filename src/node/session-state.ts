import type { DatabaseInfo, StatementOutcome } from "../machine/state-machine.ts";
import { Stop } from "../machine/stop.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import { PreparedStatements } from "../sql/prepared-statements.ts";
import type { SessionSettings } from "../sql/settings/session-settings.ts";
import type { SessionFact } from "../sql/translation.ts";
import type { NotPrepared, TranslationCache } from "../sql/translation-cache.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { ReadConsistency } from "./gateway.ts";
import { LockBinding } from "./lock-binding.ts";

const SETTING_FACT = "setting:";
const SETTING_IF_KNOWN_FACT = "settingIfKnown:";
const CURRVAL_FACT = "currval:";

/** What a client's connection is and has set. */
export class SessionState {
  readonly user: string;
  readonly database: DatabaseInfo;
  readonly processId: number;
  readonly settings: SessionSettings;
  readonly translations: TranslationCache;
  readonly statements = new PreparedStatements();
  /** By OID. */
  readonly #sequenceValues = new Map<number, bigint>();
  #lastSequence: number | null = null;
  /** The id of the transaction that is open, if it has one. */
  xid: bigint | null = null;
  readonly lockBinding = new LockBinding();
  /**
   * Ends the work on the statement that runs now, or ran last and has rows left. Work that its client no
   * longer waits for may go on behind this: it keeps its own, and looks there before it does anything to
   * the session, which may be in another transaction by then.
   */
  stop = new Stop();

  constructor(
    state: Pick<SessionState, "user" | "database" | "processId" | "settings" | "translations">,
  ) {
    this.user = state.user;
    this.database = state.database;
    this.processId = state.processId;
    this.settings = state.settings;
    this.translations = state.translations;
  }

  /**
   * Settings from here on can be taken back, once: by the work that asks for this, or by its client giving it up.
   * `keep`: they cannot any more. After the one, the other does nothing.
   */
  undoable(): { undo(): void; keep(): void } {
    const { stop } = this;
    const takeBack = this.settings.savepoint();
    let isOpen = true;
    const keep = (): void => {
      isOpen = false;
      stop.ignore(undo);
    };
    const undo = (): void => {
      if (isOpen) takeBack();
      keep();
    };
    stop.listen(undo);
    return { undo, keep };
  }

  /** Remembers what sequences gave to this session, for currval() and lastval(). */
  noteSequences(taken: StatementOutcome["lastValues"]): void {
    for (const [sequence, value, isTaken] of taken ?? []) {
      this.#sequenceValues.set(sequence, value);
      if (isTaken) this.#lastSequence = sequence;
    }
  }

  /** DISCARD SEQUENCES, DISCARD ALL: as of a new session. */
  forgetSequences(): void {
    this.#sequenceValues.clear();
    this.#lastSequence = null;
  }

  /** currval() of the sequence with this OID. Throws SqlError 55000. */
  currval(sequence: number): bigint {
    const value = this.#sequenceValues.get(sequence);
    if (value !== undefined) return value;
    throw new SqlError("55000", "currval of this sequence is not yet defined in this session");
  }

  /** lastval(). Throws SqlError 55000. */
  lastval(): bigint {
    if (this.#lastSequence !== null) return this.currval(this.#lastSequence);
    throw new SqlError("55000", "lastval is not yet defined in this session");
  }

  /** The statements of a large text, see `TranslationCache.parseLarge`. Rejects with SqlError. */
  parseLarge(
    text: string,
    catalog: Catalog,
    parameterTypes: readonly number[],
  ): Promise<readonly ParsedStatement[]> {
    const context = { catalog, databaseName: this.database.name, parameterTypes };
    return this.#untilStopped((signal) => this.translations.parseLarge(text, context, signal));
  }

  /** Has a large statement translated anew. Rejects with SqlError. */
  prepare(statement: NotPrepared): Promise<void> {
    return this.#untilStopped((signal) => this.translations.prepare(statement, signal));
  }

  /** Ends the work when nobody waits for the statement any more, and answers nothing then. */
  async #untilStopped<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { stop } = this;
    stop.check();
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    stop.listen(abort);
    try {
      return await work(controller.signal);
    } finally {
      stop.ignore(abort);
      stop.check();
    }
  }

  get consistency(): ReadConsistency {
    return { stale: this.settings.readsStale, maxStalenessMs: this.settings.maxStalenessMs };
  }

  /** The value of a fact that a statement asks for. Throws SqlError 42704 for an unknown setting. */
  fact(fact: SessionFact): SqliteValue {
    switch (fact) {
      case "currentUser":
      case "sessionUser":
        return this.user;
      case "currentDatabase":
        return this.database.name;
      case "backendPid":
        return BigInt(this.processId);
      case "lastval":
        return this.lastval();
      case "preparedStatements":
        return this.statements.asRows();
      case "xid":
      case "xidIfAssigned":
        return this.xid;
      default:
        if (fact.startsWith(SETTING_IF_KNOWN_FACT)) {
          return this.settings.showIfKnown(fact.slice(SETTING_IF_KNOWN_FACT.length));
        }
        return fact.startsWith(CURRVAL_FACT)
          ? this.currval(Number(fact.slice(CURRVAL_FACT.length)))
          : this.settings.show(fact.slice(SETTING_FACT.length));
    }
  }
}
