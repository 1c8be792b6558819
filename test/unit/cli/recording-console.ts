import type { Console } from "../../../src/cli/console.ts";

/** Keeps what a command wrote. */
export class RecordingConsole implements Console {
  readonly lines: string[] = [];
  readonly errors: string[] = [];

  out(line: string): void {
    this.lines.push(line);
  }

  error(line: string): void {
    this.errors.push(line);
  }
}
