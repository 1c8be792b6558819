/**
 * What goes to clients leaves together at the end of a turn of the event loop: a client's process that
 * is woken for one answer would sleep again before the next, and on virtual machines each time that
 * it is woken costs the server as much as the statement did. With one client nothing else is in the turn.
 */

import type { Socket } from "node:net";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { ConnectionLost } from "./output.ts";

export class Answers {
  readonly #corked = new Set<Socket>();

  /** Sends bytes behind what was sent before. Done when the socket takes more. Throws ConnectionLost. */
  send(socket: Socket, bytes: Uint8Array): MaybePromise<void> {
    if (socket.destroyed) throw new ConnectionLost("the client has gone");
    this.#hold(socket);
    if (socket.write(bytes)) return;
    return new Promise<void>((resolve) => {
      const settle = (): void => {
        socket.off("drain", settle);
        socket.off("close", settle);
        resolve();
      };
      socket.on("drain", settle);
      socket.on("close", settle);
    });
  }

  /** Until the turn ends; `socket.end()` lets it go before. */
  #hold(socket: Socket): void {
    if (this.#corked.has(socket)) return;
    socket.cork();
    this.#corked.add(socket);
    if (this.#corked.size === 1) setImmediate(() => this.#release());
  }

  #release(): void {
    for (const socket of this.#corked) socket.uncork();
    this.#corked.clear();
  }
}
