/**
 * One connection that another node (or anybody else) opened to the peer port.
 *
 *   hello ──accepted, purpose "peer"──► peer: messages and pings until the end
 *     │ ────accepted, other purpose───► request ──► answering ──► closed
 *     └──── refused, garbage, too slow ───────────────────────────► closed
 *
 * Whatever comes in wrong ends this connection and nothing else.
 */
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { MalformedError } from "../base/bytes.ts";
import type { Clock, Timer } from "../base/clock.ts";
import {
  FRAME_BODY_BYTES_MAX,
  HANDSHAKE_BODY_BYTES_MAX,
  HANDSHAKE_DURATION_MS_MAX,
} from "../base/limits.ts";
import { refuseVersion } from "./admission.ts";
import { type EncodedFrame, type Frame, FrameDecoder } from "./frame.ts";
import {
  decodeHello,
  encodeHandshakeFrame,
  encodeHelloAnswer,
  HANDSHAKE_TYPES,
  type Hello,
  type HelloAnswer,
} from "./hello.ts";
import { PING_INTERVAL_MS } from "./peer-link.ts";

/** A live peer pings every interval: one that is silent for this long is gone. */
const SILENCE_MS_MAX = 5 * PING_INTERVAL_MS;

/** What becomes of those who connect. */
export interface Reception {
  /** Judges a hello of this protocol version. */
  admit(hello: Hello): HelloAnswer;
  /** A peer was let in. Returns who takes its frames; a frame that cannot be decoded throws MalformedError. */
  welcome(hello: Hello, connection: IncomingConnection): (frame: Frame) => void;
  /** Answers the one request of a join or form connection. */
  answer(hello: Hello, request: Uint8Array): Promise<Uint8Array>;
  /** The connection is over or past its handshake; called once. */
  settled(): void;
}

type State =
  | { readonly kind: "hello" }
  | { readonly kind: "peer"; readonly hello: Hello; readonly take: (frame: Frame) => void }
  | { readonly kind: "request"; readonly hello: Hello }
  | { readonly kind: "answering" }
  | { readonly kind: "closed" };

export class IncomingConnection {
  readonly #socket: Socket;
  readonly #reception: Reception;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #decoder = new FrameDecoder(HANDSHAKE_BODY_BYTES_MAX);
  #state: State = { kind: "hello" };
  #timer: Timer;
  #settled = false;
  readonly #closeListeners: (() => void)[] = [];

  constructor(socket: Socket, reception: Reception, clock: Clock, log: Logger) {
    this.#socket = socket;
    this.#reception = reception;
    this.#clock = clock;
    this.#log = log.child({ remote: `${socket.remoteAddress}:${socket.remotePort}` });
    this.#timer = clock.after(HANDSHAKE_DURATION_MS_MAX, () => this.close("handshake too slow"));
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close(this.#decoder.inFrame ? "ended inside a message" : null));
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  /** Ends the connection; `reason` goes to the log unless it is null. Idempotent. */
  close(reason: string | null): void {
    if (this.#state.kind === "closed") return;
    const hello = "hello" in this.#state ? this.#state.hello : null;
    this.#state = { kind: "closed" };
    this.#timer.cancel();
    this.#socket.destroy();
    if (reason !== null) {
      this.#log.warn({ peer: hello?.name, reason }, "connection from a node closed");
    }
    this.#settle();
    for (const listener of this.#closeListeners) listener();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reception.settled();
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        this.#receiveFrame(frame);
        if (this.#state.kind === "closed") return;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.close(`garbage: ${error.message}`);
      return;
    }
    if (this.#state.kind === "peer") this.#expectMore();
  }

  #receiveFrame(frame: Frame): void {
    switch (this.#state.kind) {
      case "hello":
        this.#receiveHello(frame);
        return;
      case "peer":
        if (frame.type === HANDSHAKE_TYPES.ping) this.#write(encodeHandshakeFrame("pong"));
        else this.#state.take(frame);
        return;
      case "request":
        this.#receiveRequest(frame, this.#state.hello);
        return;
      case "answering":
        throw new MalformedError("a second request");
      case "closed":
        return;
    }
  }

  #receiveHello(frame: Frame): void {
    const decoded = decodeHello(frame);
    if (decoded.kind === "otherVersion") {
      this.#refuse(refuseVersion(decoded.protocolVersion));
      return;
    }
    const { hello } = decoded;
    const answer = this.#reception.admit(hello);
    if (answer.kind === "refused") {
      this.#refuse(answer);
      return;
    }
    this.#write(encodeHelloAnswer(answer));
    if (hello.purpose === "peer") {
      this.#decoder.allow(FRAME_BODY_BYTES_MAX);
      this.#state = { kind: "peer", hello, take: this.#reception.welcome(hello, this) };
      this.#settle();
      this.#expectMore();
    } else {
      this.#state = { kind: "request", hello };
    }
  }

  #receiveRequest(frame: Frame, hello: Hello): void {
    if (frame.type !== HANDSHAKE_TYPES.request) {
      throw new MalformedError(`expected a request, got frame type ${frame.type}`);
    }
    this.#state = { kind: "answering" };
    this.#timer.cancel();
    this.#reception.answer(hello, frame.body).then(
      (answer) => this.#finish(encodeHandshakeFrame("answer", answer)),
      (error: unknown) => this.close(`request failed: ${String(error)}`),
    );
  }

  #refuse(answer: HelloAnswer & { kind: "refused" }): void {
    const level = answer.code === "noCluster" ? "debug" : "warn";
    this.#log[level]({ reason: answer.reason }, "node refused");
    this.#finish(encodeHelloAnswer(answer));
  }

  /** Writes a last frame; the other side has read it when the connection ends. */
  #finish(frame: EncodedFrame): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "answering" };
    this.#write(frame);
    this.#socket.end();
    this.#timer.cancel();
    this.#timer = this.#clock.after(HANDSHAKE_DURATION_MS_MAX, () => this.close(null));
  }

  #write(frame: EncodedFrame): void {
    for (const part of frame.parts) if (part.length > 0) this.#socket.write(part);
  }

  #expectMore(): void {
    this.#timer.cancel();
    this.#timer = this.#clock.after(SILENCE_MS_MAX, () => this.close("silent for too long"));
  }
}
