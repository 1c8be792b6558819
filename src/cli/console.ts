/** Where a command writes for people: its answer to `out`, what went wrong to `error`. Lines, without the end. */
export interface Console {
  out(line: string): void;
  error(line: string): void;
}

export const processConsole: Console = {
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
};

/** Exit codes of every command. */
export const EXIT_OK = 0;
/** It was understood and could not be done. */
export const EXIT_FAILED = 1;
/** It was not understood: unknown command or flag. */
export const EXIT_USAGE = 2;
