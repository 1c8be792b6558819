import { type Command, decodeCommand } from "./command.ts";
import type { AppliedEntry } from "./state-machine.ts";

/** Statements at once beyond which short ones take their time together. */
const SHORT_STATEMENTS_MAX = 1000;

/** Bytes of commands at once beyond which already decoding them takes its time. */
const SHORT_BYTES_MAX = 1024 * 1024;

export interface DecodedEntry {
  readonly slot: number;
  readonly timestampMicros: number;
  readonly commands: readonly { readonly bytes: Uint8Array; readonly command: Command }[];
}

/** An entry with its commands as they are meant. Throws for bytes that are no command. */
export function decodeEntry({ slot, timestampMicros, commands }: AppliedEntry): DecodedEntry {
  return {
    slot,
    timestampMicros,
    commands: commands.map((bytes) => ({ bytes, command: decodeCommand(bytes) })),
  };
}

/** Whether what is decoded of them may be short (`areShort`): it can be told from how much it is. */
export function mayBeShort(entries: readonly AppliedEntry[]): boolean {
  let bytes = 0;
  for (const { commands } of entries) for (const { length } of commands) bytes += length;
  return bytes <= SHORT_BYTES_MAX;
}

/** Whether all of them together are surely applied in a moment, if each command that `isShort` says so of is. */
export function areShort(
  entries: readonly DecodedEntry[],
  isShort: (command: Command) => boolean,
): boolean {
  let statements = 0;
  for (const { commands } of entries) {
    for (const { command } of commands) {
      if (!isShort(command)) return false;
      statements += statementsIn(command);
      if (statements > SHORT_STATEMENTS_MAX) return false;
    }
  }
  return true;
}

function statementsIn(command: Command): number {
  if (command.kind === "statements") return command.statements.length;
  return command.kind === "transaction" ? command.items.length : 1;
}
