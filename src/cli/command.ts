import { relative } from "node:path";
import type { Arguments, FlagSpecification } from "./arguments.ts";
import type { Console } from "./console.ts";

export interface Command {
  readonly name: string;
  /** What follows the name in the help: words, not flags. */
  readonly words: string;
  readonly summary: string;
  readonly flags: readonly FlagSpecification[];
  /** Returns the exit code. May throw UsageError or StartRefused. */
  run(given: Arguments, console: Console): Promise<number>;
}

/** How this program was called, so that printed commands can be typed as they stand. */
export function programName(): string {
  const script = process.argv[1];
  if (script?.endsWith("synod.mjs") !== true) return "synod";
  const path = relative(process.cwd(), script);
  return path.startsWith("..") ? script : path;
}
