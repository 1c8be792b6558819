/** Runs commands of the log, each in the files that it concerns, and gathers what there is to report of them. */
import type { Catalog } from "../sql/catalog/catalog.ts";
import type {
  AdvisoryLockCommand,
  Command,
  DatabaseCommand,
  ReserveCommand,
  SessionCommand,
  StatementsCommand,
  TransactionCommand,
} from "./command.ts";
import type { MachineDirectory } from "./machine-directory.ts";
import type { MachineFiles } from "./machine-files.ts";
import type { PlacedCommand, StateFile } from "./state-file.ts";
import type {
  ApplyReport,
  CommandReport,
  DatabaseId,
  DatabaseInfo,
  Outcome,
} from "./state-machine.ts";

/** One command being applied. */
export interface Turn {
  readonly placed: PlacedCommand;
  readonly slot: number;
  readonly timestampMicros: number;
}

export class CommandRunner {
  readonly #directory: MachineDirectory;
  readonly #files: MachineFiles;
  readonly #node: number;
  #reports: CommandReport[] = [];
  #changed = new Map<DatabaseId, { info: DatabaseInfo; catalog: Catalog | null }>();

  /** `node`: the NodeId of this node, whose gateway's outcomes are reported. */
  constructor(directory: MachineDirectory, files: MachineFiles, node: number) {
    this.#directory = directory;
    this.#files = files;
    this.#node = node;
  }

  /** Runs one command at its place, unless it is part of the state already. */
  run(turn: Turn, command: Command): void {
    const outcome = this.#dispatch(turn, command);
    if (outcome !== null) this.#report(turn.slot, command, outcome);
  }

  /** Whether it is surely run in a moment (program.ts). */
  isShort(command: Command): boolean {
    switch (command.kind) {
      case "statements":
      case "transaction":
        return this.#files.find(command.database)?.isShort(command) ?? true;
      case "reserve":
      case "advisoryLock":
        return true;
      default:
        return false;
    }
  }

  /** What there is to report since this was called last. */
  takeReport(): Pick<ApplyReport, "reports" | "grants" | "changedDatabases"> {
    const { dedupe } = this.#files.system.state;
    const grants = this.#files.databases
      .flatMap(({ advisoryLocks }) => advisoryLocks.takeGrants())
      .filter(({ session }) => dedupe.nodeOf(session) === this.#node);
    const report = {
      reports: this.#reports,
      grants,
      changedDatabases: [...this.#changed.values()],
    };
    this.#reports = [];
    this.#changed = new Map();
    return report;
  }

  /** Null: the command is part of the file's state already. */
  #dispatch(turn: Turn, command: Command): Outcome | null {
    switch (command.kind) {
      case "statements":
      case "transaction":
        return this.#applyStatements(turn, command);
      case "reserve":
      case "advisoryLock":
        return this.#setAside(turn.placed, command);
      case "openSession":
      case "closeSession":
        return this.#changeSessions(turn.placed, command);
      case "createDatabase":
      case "dropDatabase":
        return this.#changeDatabases(turn.placed, command);
    }
  }

  #applyStatements(
    { placed, timestampMicros }: Turn,
    command: StatementsCommand | TransactionCommand,
  ): Outcome | null {
    const database = this.#files.find(command.database);
    if (database === undefined) return this.#missing(placed);
    if (isPast(database.state, placed)) return null;
    database.speculations.release();
    const catalogBefore = database.catalog;
    const outcome = database.apply(placed, command, timestampMicros);
    const { info, catalog } = database;
    if (catalog !== catalogBefore) this.#changed.set(info.id, { info, catalog });
    return outcome;
  }

  /** What a gateway or a client gets for itself. */
  #setAside(placed: PlacedCommand, command: ReserveCommand | AdvisoryLockCommand): Outcome | null {
    const database = this.#files.find(command.database);
    if (database === undefined) return this.#missing(placed);
    if (isPast(database.state, placed)) return null;
    if (command.kind === "advisoryLock") return database.lock(placed, command);
    const owner = this.#files.system.state.dedupe.nodeOf(command.identity.session);
    return database.reserve(placed, command, owner === this.#node);
  }

  #missing(placed: PlacedCommand): Outcome | null {
    const system = this.#files.system;
    return isPast(system.state, placed) ? null : system.missing(placed);
  }

  #changeSessions(placed: PlacedCommand, command: SessionCommand): Outcome | null {
    for (const database of this.#files.databases) {
      if (!isPast(database.state, placed)) database.changeSessions(placed, command);
    }
    const { state } = this.#files.system;
    return isPast(state, placed) ? null : state.changeSessions(placed, command);
  }

  #changeDatabases(placed: PlacedCommand, command: DatabaseCommand): Outcome | null {
    const system = this.#files.system;
    if (isPast(system.state, placed)) return null;
    const earlier = system.earlier(placed, command);
    if (earlier !== null) return earlier;
    return command.kind === "createDatabase"
      ? this.#createDatabase(placed, command)
      : this.#dropDatabase(placed, command);
  }

  #createDatabase(placed: PlacedCommand, command: DatabaseCommand): Outcome {
    const system = this.#files.system;
    const refusal = system.refusal(command.name);
    if (refusal !== null) {
      const { sqlState, message } = refusal;
      return system.finish(placed, command, failure(sqlState, message));
    }
    const info = { id: placed.position, name: command.name };
    this.#directory.createDatabase(info.id, placed.position, system.sessions());
    system.add(info);
    const { catalog } = this.#files.openDatabase(info);
    this.#changed.set(info.id, { info, catalog });
    return system.finish(placed, command, DONE);
  }

  #dropDatabase(placed: PlacedCommand, command: DatabaseCommand): Outcome {
    const system = this.#files.system;
    const id = system.find(command.name);
    if (id === null) {
      const message = `database "${command.name}" does not exist`;
      return system.finish(placed, command, command.missingOk ? DONE : failure("3D000", message));
    }
    system.remove(id);
    const outcome = system.finish(placed, command, DONE);
    system.state.makeDurable();
    this.#files.closeDatabase(id);
    this.#directory.removeDatabase(id);
    this.#changed.set(id, { info: { id, name: command.name }, catalog: null });
    return outcome;
  }

  #report(slot: number, command: Command, outcome: Outcome): void {
    if (command.kind === "openSession") {
      if (command.node !== this.#node || outcome.kind !== "sessionOpened") return;
      const { session } = outcome;
      this.#reports.push({ slot, session, sequence: 0, nonce: command.nonce, outcome });
      return;
    }
    if (command.kind === "closeSession") {
      this.#reports.push({ slot, session: 0, sequence: 0, nonce: "", outcome });
      return;
    }
    const { session, sequence } = command.identity;
    // Whose a closed session was is not remembered; a gateway that waits for it must hear of it.
    const node = this.#files.system.state.dedupe.nodeOf(session);
    if (node !== null && node !== this.#node) return;
    this.#reports.push({ slot, session, sequence, nonce: "", outcome });
  }
}

const DONE: Outcome = { kind: "done", results: [{ count: 0, rows: null, fromMemory: false }] };

function failure(sqlState: string, message: string): Outcome {
  return { kind: "failed", statement: 0, sqlState, message, fields: {} };
}

/** Whether the command at this place is part of the file's state already. */
function isPast(file: StateFile, { position }: PlacedCommand): boolean {
  return position <= file.progress.position;
}
