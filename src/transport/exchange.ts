import { connect, type Socket } from "node:net";
import type { Address } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { HANDSHAKE_BODY_BYTES_MAX } from "../base/limits.ts";
import { type EncodedFrame, type Frame, FrameDecoder } from "./frame.ts";
import {
  decodeHelloAnswer,
  encodeHandshakeFrame,
  encodeHello,
  HANDSHAKE_TYPES,
  type Hello,
  type Refused,
} from "./hello.ts";

/** What came of asking another node something outside of a cluster. */
export type ExchangeResult =
  | { readonly kind: "answered"; readonly answer: Uint8Array }
  | { readonly kind: "refused"; readonly refusal: Refused }
  /** Nobody there, no answer in time, or an answer that makes no sense. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** The request had left when it failed. */
      readonly mayHaveBeenCarriedOut: boolean;
    };

export interface Question {
  readonly address: Address;
  readonly hello: Hello;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  /** Aborted: nobody wants the answer any more. */
  readonly signal?: AbortSignal;
}

/** Asks one question over a connection of its own. Never rejects. */
export function exchange(question: Question, clock: Clock): Promise<ExchangeResult> {
  return new Promise((resolve) => {
    const { signal } = question;
    const socket = connect({ ...question.address, noDelay: true });
    const finish = (result: ExchangeResult): void => {
      timer.cancel();
      signal?.removeEventListener("abort", abort);
      socket.destroy();
      resolve(result);
    };
    let accepted = false;
    const fail = (reason: string): void =>
      finish({ kind: "failed", reason, mayHaveBeenCarriedOut: accepted });
    const abort = (): void => fail("stopped");
    signal?.addEventListener("abort", abort);
    const timer = clock.after(question.timeoutMs, () => fail("no answer in time"));
    const decoder = new FrameDecoder(HANDSHAKE_BODY_BYTES_MAX);
    const receive = (frame: Frame): void => {
      if (accepted) {
        if (frame.type === HANDSHAKE_TYPES.answer) finish({ kind: "answered", answer: frame.body });
        else fail(`unexpected frame type ${frame.type}`);
        return;
      }
      const answer = decodeHelloAnswer(frame);
      if (answer.kind === "refused") {
        finish({ kind: "refused", refusal: answer });
        return;
      }
      accepted = true;
      write(socket, encodeHandshakeFrame("request", question.request));
    };
    socket.on("connect", () => write(socket, encodeHello(question.hello)));
    socket.on("data", (chunk) => {
      try {
        for (const frame of decoder.push(chunk)) receive(frame);
      } catch (error) {
        fail(`the answer makes no sense: ${String(error)}`);
      }
    });
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the connection was closed"));
  });
}

function write(socket: Socket, frame: EncodedFrame): void {
  for (const part of frame.parts) if (part.length > 0) socket.write(part);
}
