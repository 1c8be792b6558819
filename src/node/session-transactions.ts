/**
 * The transaction that one session has open, if any, and the statements that begin and end it.
 *
 * | open       | BEGIN            | COMMIT                | ROLLBACK              | any other, in E |
 * | nothing    | opens a block    | WARNING 25P01         | WARNING 25P01         |                 |
 * | implicit   | makes it a block | commits, WARNING      | rolls back, WARNING   |                 |
 * | a block, T | WARNING 25001    | commits               | rolls back            |                 |
 * | a block, E | 25P02            | rolls back            | rolls back            | 25P02           |
 */

import { assert } from "../base/assert.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { Notice, StatementResult, TransactionStatus } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { inFailedBlock, leavesFailure } from "../sql/failed-block.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import type {
  SettingTranslation,
  TransactionTranslation,
  Translation,
} from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { AdvisoryLocks } from "./advisory-locks.ts";
import {
  type BlockStatements,
  controlSavepoint,
  type QueryFor,
  type SavepointTranslation,
  type Wanted,
} from "./block-statements.ts";
import type { Gateway } from "./gateway.ts";
import type { SessionClock } from "./session-clock.ts";
import { setConfig } from "./session-queries.ts";
import type { SessionState } from "./session-state.ts";
import { isMode, runInSession } from "./session-statements.ts";
import { asksFor, commandResult, withNotices } from "./statement-results.ts";
import { TransactionBlock } from "./transaction-block.ts";

export interface SessionTransactionsParts {
  readonly gateway: Gateway;
  readonly state: SessionState;
  readonly clock: SessionClock;
  readonly statements: BlockStatements;
  readonly locks: AdvisoryLocks;
}

type Told = Extract<StatementResult, { readonly kind: "command" }>;

export class SessionTransactions {
  readonly #parts: SessionTransactionsParts;
  #block: TransactionBlock | null = null;

  constructor(parts: SessionTransactionsParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#block !== null;
  }

  /** The schema as the open transaction sees it; null: nothing is open, or has begun to look. */
  get catalogNow(): Catalog | null {
    return this.#block?.catalogNow ?? null;
  }

  get status(): TransactionStatus {
    if (this.#block === null || this.#block.isImplicit) return "I";
    return this.#block.hasFailed ? "E" : "T";
  }

  /** Whether what is open ends with the statements that came together. */
  get endsWithQuery(): boolean {
    return this.#block?.isImplicit === true;
  }

  /** Translates a statement for the open transaction. Throws SqlError. */
  translate(wanted: Omit<Wanted, "parameters">): MaybePromise<Translation> {
    this.refuseIfFailed(wanted.statement);
    return this.#parts.statements.translate(this.#block ?? this.#begin(true), wanted);
  }

  /** The only row of a query of the open transaction. Throws SqlError. */
  compute(query: QueryFor): Promise<readonly SqliteValue[]> {
    return this.#parts.statements.compute(this.#block ?? this.#begin(true), query);
  }

  /** Throws SqlError 25P02 for what cannot run in an open block that has failed. */
  refuseIfFailed(statement: ParsedStatement): void {
    if (this.#block?.hasFailed === true && !leavesFailure(statement)) throw inFailedBlock();
  }

  /** Runs a statement in the open transaction; opens an implicit one if there is none. Throws SqlError. */
  run(wanted: Wanted): MaybePromise<StatementResult> {
    const { stop } = this.#parts.state;
    const isControl = "TransactionStmt" in wanted.statement.node;
    this.refuseIfFailed(wanted.statement);
    const open = this.#block ?? (isControl ? null : this.#begin(true));
    return andThen(this.#parts.statements.translate(open, wanted), (translation) => {
      stop.check();
      return andThen(this.#dispatch(open, translation, wanted), (result) =>
        withNotices(translation, result),
      );
    });
  }

  /** A statement has failed, or something else of what came with it. */
  failed(): void {
    const block = this.#block;
    if (block === null) return;
    block.hasFailed = true;
    // Nothing can bring the transaction back: others need not wait for its ROLLBACK.
    if (!block.hasSavepoints) void this.#parts.locks.transactionEnded();
  }

  /** Commits what ends with the statements that came together. */
  async commitImplicit(): Promise<void> {
    if (this.#block?.isImplicit === true && !this.#block.hasFailed) await this.#commit();
  }

  /** The statements that came together have ended, in whatever way: nothing implicit remains. */
  queryEnded(): void {
    if (this.#block?.isImplicit === true) void this.#rollback();
  }

  /** The session ends. */
  close(): void {
    this.#block?.abandon();
    this.#block = null;
  }

  #begin(isImplicit: boolean): TransactionBlock {
    const { gateway, state, clock } = this.#parts;
    const block = new TransactionBlock(gateway, state, isImplicit);
    this.#block = block;
    clock.transactionBegun();
    return block;
  }

  #dispatch(
    open: TransactionBlock | null,
    translation: Translation,
    { parameters }: Wanted,
  ): MaybePromise<StatementResult> {
    if (translation.kind === "transaction") return this.#control(translation);
    assert(open !== null, "what is no control runs in a transaction");
    const block = open;
    if (translation.kind === "setTransaction" && !translation.ofSession) {
      block.setModes(translation.modes);
      return commandResult(translation);
    }
    if (translation.kind === "set") return this.#set(block, translation);
    if (translation.kind === "setConfig") {
      const { state } = this.#parts;
      return setConfig(translation, parameters, state, (setting) => this.#set(block, setting));
    }
    const run = () => this.#parts.statements.run(block, translation, parameters);
    return asksFor(translation, "xid") ? block.identify().then(run) : run();
  }

  #set(block: TransactionBlock, translation: SettingTranslation): StatementResult {
    const { state } = this.#parts;
    const { name, value } = translation;
    if (!isMode(name) || value === null) return runInSession(translation, state, true);
    block.setModes({ [name]: state.settings.check(name, value) });
    return commandResult(translation);
  }

  #control(translation: TransactionTranslation): MaybePromise<StatementResult> {
    switch (translation.action) {
      case "begin":
        return this.#beginBlock(translation);
      case "commit":
      case "rollback":
        return this.#endBlock(translation);
      default: {
        const block = this.#block;
        if (block === null || block.isImplicit) throw onlyInBlocks(translation);
        const { action } = translation;
        return controlSavepoint(block, { ...translation, action } satisfies SavepointTranslation);
      }
    }
  }

  #beginBlock(translation: TransactionTranslation): StatementResult {
    const open = this.#block;
    if (open !== null && !open.isImplicit) {
      open.setModes(translation.modes);
      return warned(translation, "25001", "there is already a transaction in progress");
    }
    const block = open ?? this.#begin(true);
    // One that fails leaves no block behind.
    block.setModes(translation.modes);
    block.isImplicit = false;
    return commandResult(translation);
  }

  async #endBlock(translation: TransactionTranslation): Promise<StatementResult> {
    const block = this.#block;
    const isBlock = block !== null && !block.isImplicit;
    const rollsBack = translation.action === "rollback" || block?.hasFailed === true;
    if (translation.chain && !isBlock) throw onlyInBlocks(translation);
    const modes = translation.chain ? block?.modes : undefined;
    const { stop } = this.#parts.state;
    if (rollsBack) await this.#rollback();
    else await this.#commit();
    stop.check();
    if (modes !== undefined) this.#begin(false).setModes(modes);
    if (!isBlock) {
      const result = warned(translation, "25P01", "there is no transaction in progress");
      return { ...result, endsTransaction: true };
    }
    const tag = rollsBack ? "ROLLBACK" : translation.tag;
    return { kind: "command", tag, endsTransaction: true };
  }

  /** Whatever comes of it, the transaction is over. */
  async #commit(): Promise<void> {
    const block = this.#block;
    this.#block = null;
    this.#parts.clock.transactionEnded();
    const committed = block?.commit() ?? null;
    await this.#parts.locks.transactionEnded(committed);
    await committed;
  }

  async #rollback(): Promise<void> {
    const block = this.#block;
    this.#block = null;
    this.#parts.clock.transactionEnded();
    const rolledBack = block?.rollback();
    await this.#parts.locks.transactionEnded();
    await rolledBack;
  }
}

function onlyInBlocks({ tag, action, chain }: TransactionTranslation): SqlError {
  const names: { readonly [action in string]?: string } = {
    rollbackTo: "ROLLBACK TO SAVEPOINT",
    release: "RELEASE SAVEPOINT",
  };
  const name = names[action] ?? (chain ? `${tag} AND CHAIN` : tag);
  return new SqlError("25P01", `${name} can only be used in transaction blocks`);
}

function warned(translation: Translation, sqlState: string, message: string): Told {
  const notice: Notice = { severity: "WARNING", sqlState, message };
  return { ...commandResult(translation), notices: [notice] };
}
