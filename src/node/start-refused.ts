/** The node cannot start as asked; the message says what to do, in one line, and nothing was changed on disk. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}
