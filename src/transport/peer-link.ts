/**
 * The outgoing connection to one peer.
 *
 *            ┌────────── back-off over, or woken ──────────┐
 *            │                                             ▼
 *   closed ◄─┤ down ◄── connect failed, refused, lost ── connecting ── hello accepted ──► up
 *            │   ▲                                                                        │
 *            │   └──────────────── lost: error, end, garbage, silence ────────────────────┘
 *
 * down: messages are dropped at once; old ones would be of no use later, and the core sends again.
 * connecting, up: messages queue within their bounds (send-queue.ts).
 */
import { connect, type Socket } from "node:net";
import type { Logger } from "pino";
import { parseAddress } from "../base/address.ts";
import { MalformedError } from "../base/bytes.ts";
import type { Clock, Timer } from "../base/clock.ts";
import {
  HANDSHAKE_BODY_BYTES_MAX,
  HANDSHAKE_DURATION_MS_MAX,
  PEER_QUEUE_BYTES_MAX,
  PEER_QUEUE_FRAMES_MAX,
  PEER_SOCKET_BYTES_MAX,
} from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { LocalNode } from "./admission.ts";
import { type EncodedFrame, type Frame, FrameDecoder } from "./frame.ts";
import {
  decodeHelloAnswer,
  encodeHandshakeFrame,
  encodeHello,
  HANDSHAKE_TYPES,
  PROTOCOL_VERSION,
} from "./hello.ts";
import { type FrameClass, SendQueue } from "./send-queue.ts";
import type { Peer, PeerState } from "./transport.ts";

const BACK_OFF_MS_MIN = 25;
const BACK_OFF_MS_MAX = 500;
/** A refusal rarely goes away by itself: asked less often. */
const BACK_OFF_REFUSED_MS = 2_000;

/** How often the other side is asked for a sign of life. */
export const PING_INTERVAL_MS = 2_000;
/** Pings in a row without an answer and without a byte taken before the connection is given up. */
const SILENT_INTERVALS_MAX = 3;

export interface LinkSettings {
  readonly local: LocalNode;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Bounds of the queue; those of limits.ts unless a test narrows them. */
  readonly queueBytesMax?: number;
  readonly queueFramesMax?: number;
}

type LinkState = "down" | "connecting" | "up" | "closed";

export class PeerLink {
  readonly #settings: LinkSettings;
  readonly #queue: SendQueue;
  readonly peer: Peer;
  #state: LinkState = "down";
  #socket: Socket | null = null;
  #decoder = new FrameDecoder(HANDSHAKE_BODY_BYTES_MAX);
  #failures = 0;
  #timer: Timer | null = null;
  #flushScheduled = false;
  #refusal: string | null = null;
  /** What was last said about this link in the log: the same thing is not said twice in a row. */
  #lastLogged = "";
  #silentIntervals = 0;
  #takenBytes = 0;

  constructor(peer: Peer, settings: LinkSettings) {
    this.peer = peer;
    this.#settings = settings;
    this.#queue = new SendQueue(
      settings.queueBytesMax ?? PEER_QUEUE_BYTES_MAX,
      settings.queueFramesMax ?? PEER_QUEUE_FRAMES_MAX,
    );
    this.#dial();
  }

  /** Queues a frame; it leaves together with all others of this turn of the event loop. */
  send(frame: EncodedFrame, frameClass: FrameClass): void {
    if (this.#state === "down" || this.#state === "closed") {
      this.#queue.countDropped();
      return;
    }
    this.#queue.push(frame, frameClass);
    if (this.#flushScheduled || this.#state !== "up") return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** The peer let itself be heard: dial now instead of after the back-off. */
  wake(): void {
    if (this.#state === "down") this.#dial();
  }

  state(): PeerState {
    return {
      id: this.peer.id,
      name: this.peer.name,
      connected: this.#state === "up",
      queuedBytes: this.#queue.bytes + (this.#socket?.writableLength ?? 0),
      dropped: this.#queue.dropped,
      refusal: this.#refusal,
    };
  }

  close(): void {
    this.#state = "closed";
    this.#timer?.cancel();
    this.#queue.clear();
    this.#socket?.destroy();
    this.#socket = null;
  }

  #dial(): void {
    this.#timer?.cancel();
    const address = parseAddress(this.peer.address);
    if (address === null) {
      this.#fail(`${this.peer.address} is no address`);
      return;
    }
    this.#state = "connecting";
    this.#decoder = new FrameDecoder(HANDSHAKE_BODY_BYTES_MAX);
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    this.#socket = socket;
    const lost = (reason: string): void => {
      if (this.#socket === socket) this.#fail(reason);
    };
    this.#timer = this.#settings.clock.after(HANDSHAKE_DURATION_MS_MAX, () =>
      lost("no answer to the handshake"),
    );
    socket.on("connect", () => this.#write(encodeHello(this.#hello())));
    socket.on("data", (chunk) => {
      if (this.#socket === socket) this.#receive(chunk);
    });
    socket.on("drain", () => {
      if (this.#socket === socket) this.#flush();
    });
    socket.on("error", (error) => lost(error.message));
    socket.on("close", () => lost("the connection was closed"));
  }

  #hello() {
    const { local } = this.#settings;
    return {
      protocolVersion: PROTOCOL_VERSION,
      purpose: "peer" as const,
      clusterId: local.clusterId,
      nodeId: local.id,
      name: local.name,
      incarnation: local.incarnation,
      target: this.peer.id,
      softwareVersion: local.softwareVersion,
    };
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#receiveFrame(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#fail(`it sent garbage: ${error.message}`);
    }
  }

  #receiveFrame(frame: Frame): void {
    if (this.#state === "connecting") {
      const answer = decodeHelloAnswer(frame);
      if (answer.kind === "accepted") this.#comeUp();
      // It is still starting: soon it will answer otherwise.
      else if (answer.code === "noCluster") this.#fail(answer.reason);
      else this.#fail(`it refuses: ${answer.reason}`, answer.reason);
    } else if (this.#state === "up") {
      if (frame.type !== HANDSHAKE_TYPES.pong) {
        throw new MalformedError(`unexpected frame type ${frame.type}`);
      }
      this.#silentIntervals = 0;
    }
  }

  #comeUp(): void {
    this.#state = "up";
    this.#failures = 0;
    this.#refusal = null;
    this.#lastLogged = "";
    this.#silentIntervals = 0;
    this.#settings.log.info({ peer: this.peer.name, address: this.peer.address }, "peer connected");
    this.#watch();
    this.#flush();
  }

  /** Asks for a sign of life now and then; gives up when nothing is answered and nothing is taken. */
  #watch(): void {
    this.#timer?.cancel();
    this.#timer = this.#settings.clock.after(PING_INTERVAL_MS, () => {
      const socket = this.#socket;
      if (this.#state !== "up" || socket === null) return;
      const takenBytes = socket.bytesWritten - socket.writableLength;
      if (takenBytes !== this.#takenBytes) this.#silentIntervals = 0;
      if (this.#silentIntervals >= SILENT_INTERVALS_MAX) {
        this.#fail("it does not answer");
        return;
      }
      if (this.#silentIntervals === 0) this.#write(encodeHandshakeFrame("ping"));
      this.#takenBytes = socket.bytesWritten - socket.writableLength;
      this.#silentIntervals += 1;
      this.#watch();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (this.#state !== "up" || socket === null || this.#queue.length === 0) return;
    socket.cork();
    while (socket.writableLength < PEER_SOCKET_BYTES_MAX) {
      const frame = this.#queue.shift();
      if (frame === undefined) break;
      this.#write(frame);
    }
    socket.uncork();
  }

  #write(frame: EncodedFrame): void {
    for (const part of frame.parts) if (part.length > 0) this.#socket?.write(part);
  }

  #fail(reason: string, refusal: string | null = null): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
    this.#timer?.cancel();
    this.#queue.clear();
    const wasUp = this.#state === "up";
    this.#state = "down";
    this.#refusal = refusal;
    this.#logFailure(reason, wasUp);
    const { clock, random } = this.#settings;
    const ceiling = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** Math.min(this.#failures, 10));
    const base = refusal === null ? ceiling : BACK_OFF_REFUSED_MS;
    this.#failures += 1;
    this.#timer = clock.after(base / 2 + random.below(Math.ceil(base / 2)), () => this.#dial());
  }

  #logFailure(reason: string, wasUp: boolean): void {
    const text = wasUp ? "peer lost" : "peer not reached";
    if (this.#lastLogged === reason) return;
    this.#lastLogged = reason;
    const level = wasUp || this.#refusal !== null ? "warn" : "info";
    this.#settings.log[level]({ peer: this.peer.name, address: this.peer.address, reason }, text);
  }
}
