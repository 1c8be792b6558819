/** How the rows of a COPY are written (PostgreSQL manual, COPY, "File Formats"). */
export interface CopyFormat {
  readonly csv: boolean;
  /** One ASCII character, as are `quote` and `escape`. */
  readonly delimiter: string;
  /** What stands for NULL. */
  readonly nullText: string;
  /** Empty unless `csv`, as is `escape`. */
  readonly quote: string;
  readonly escape: string;
}

/** What ends a line. */
export type LineEnd = "\n" | "\r" | "\r\n";

/** `match`: the line must name the columns. */
export type Header = "none" | "line" | "match";
