/**
 * One client from its first byte to its last, without a socket: bytes come in by `receive`, go out
 * by the Wire.
 *
 *   startup ──SSLRequest, GSSENCRequest──► startup   ('N': not here)
 *      │  └────CancelRequest────► end
 *   StartupMessage
 *      ▼
 *    ready ──Query, FunctionCall──► ready
 *      │ ▲ └─Parse, Bind, Describe, Execute, Close, Flush──► extended ──error──► skipping
 *      │ └───────────────────Sync───────────────────────────────┴─────Sync───────────┘
 *   Terminate, end of input, FATAL
 *      ▼
 *     end
 *
 * | in       | message                        | does                                    | then     |
 * | startup  | StartupMessage                 | #connect: AuthenticationOk … Ready      | ready    |
 * | startup  | bytes behind an SSLRequest     | nothing (CVE-2021-23214)                | end      |
 * | ready    | Query                          | #query: results, Ready                  | ready    |
 * | ready    | FunctionCall                   | 0A000, Ready                            | ready    |
 * | extended | Sync                           | #sync: ends the transaction, Ready      | ready    |
 * | extended | any that fails                 | ErrorResponse, sent before it waits     | skipping |
 * | skipping | any but Sync and Terminate     | nothing                                 | skipping |
 * | ready    | Query: COPY FROM or TO         | copy-in, copy-out: copy-transfer.ts     | ready    |
 * | extended | Execute: COPY FROM or TO       | the same; Sync and Flush are ignored    | extended |
 * | any other| CopyData, CopyDone, CopyFail   | nothing: what was sent before an error  | the same |
 * |          |                                | in a copy was known                     |          |
 * | any      | unknown type, impossible length| FATAL 08P01                             | end      |
 * | any      | shutdown, before an Execute    | FATAL 57P01 between two messages        | end      |
 * | any      | shutdown, Execute to Sync      | nothing until Sync, then FATAL 57P01    | end      |
 *
 * A statement takes effect at its Execute, and 57P01 says that nothing happened: whoever was not told
 * of the effect by a ReadyForQuery yet must not be told 57P01.
 */

import { unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { CursorResult, Database, Session, StatementResult } from "../sql/database.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { CancelRegistry } from "./cancel-registry.ts";
import { CopyTransfer } from "./copy-transfer.ts";
import { ExtendedQuery } from "./extended-query.ts";
import { FatalError } from "./fatal-error.ts";
import type { Frame, LengthLimit } from "./frame.ts";
import {
  decodeFrontend,
  endsSkipping,
  type FrontendMessage,
  frontendLengthLimit,
  isExtendedQuery,
} from "./frontend.ts";
import { MessageInput } from "./input.ts";
import { ABANDONED_CALL_MS, STARTUP_DEADLINE_MS } from "./limits.ts";
import type { ClientFacts, WireLog, WireMetrics } from "./observer.ts";
import { ClientOutput, ConnectionLost, type Wire } from "./output.ts";
import { decodeStartup, type StartupMessage, unsupportedVersion } from "./startup.ts";
import { describeFields, RowEncoder } from "./values.ts";

/** What all clients of one server share. */
export interface SessionEnvironment {
  readonly database: Database;
  readonly cancelKeys: CancelRegistry;
  readonly clock: Clock;
  readonly log: WireLog;
  readonly metrics: WireMetrics;
  readonly largeMessageBytesMax: number;
  /** Throws SqlError 53300 when there are too many clients. Each success is followed by a release. */
  admit(): void;
  release(): void;
}

/** The connection to one client. */
export interface ClientWire extends Wire {
  readonly remoteAddress: string;
  /** All input was read: the socket may be read again. */
  onInputWanted(): void;
}

const SYNC = "S".charCodeAt(0);

export class ClientSession {
  readonly #environment: SessionEnvironment;
  readonly #wire: ClientWire;
  readonly #input: MessageInput;
  readonly #output: ClientOutput;
  readonly #limitOf: LengthLimit;
  readonly #copies: CopyTransfer;
  readonly #reported = new Map<string, string>();
  /** What the session answered last time: the same map says that nothing has changed. */
  #reportedLast: ReadonlyMap<string, string> | null = null;
  #processId = 0;
  #admitted = false;
  #gone = false;
  #session: Session | null = null;
  #skipping = false;
  /** Statements may have taken effect since the client was last told ReadyForQuery. */
  #owesReady = false;
  #shutdown: FatalError | null = null;

  constructor(environment: SessionEnvironment, wire: ClientWire) {
    this.#environment = environment;
    this.#wire = wire;
    this.#input = new MessageInput(() => {
      wire.onInputWanted();
    });
    this.#output = new ClientOutput(wire);
    this.#limitOf = frontendLengthLimit(environment.largeMessageBytesMax);
    this.#copies = new CopyTransfer(this.#input, this.#output, this.#limitOf);
  }

  /** Input that waits because a statement runs. */
  get waitingBytes(): number {
    return this.#input.waitingBytes;
  }

  /** Bytes from the client. The caller leaves them as they are. */
  receive(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  /** The client has finished sending. If it waits for an answer meanwhile, it has gone for good. */
  inputEnded(): void {
    if (this.#input.waitingBytes === 0) this.disconnected();
    else this.#input.end();
  }

  /** The connection is gone: what runs is cancelled, and freed at the latest after a while. */
  disconnected(): void {
    if (this.#gone) return;
    this.#gone = true;
    const busy = !this.#input.isIdle;
    this.#input.end();
    const session = this.#session;
    if (session === null || !busy) return;
    session.cancel();
    this.#environment.clock.after(ABANDONED_CALL_MS, () => {
      this.#closeSession();
    });
  }

  /** The connection was cut: frees at once what the client had, whatever still runs. */
  abandon(): void {
    this.disconnected();
    this.#closeSession();
  }

  /** The server stops: the client is told once what it runs now has ended. */
  shutdown(): void {
    this.#shutdown ??= new FatalError(
      "57P01",
      "terminating connection due to administrator command",
    );
    if (!this.#owesReady) this.#input.interrupt(this.#shutdown);
  }

  /** Runs until the client or the server ends it; never rejects. To be called once. */
  async run(): Promise<void> {
    try {
      const startup = await this.#startup();
      if (startup !== null) await this.#serve(await this.#connect(startup));
    } catch (error) {
      await this.#fail(error);
    } finally {
      this.#closeSession();
      this.#environment.cancelKeys.remove(this.#processId);
      if (this.#admitted) this.#environment.release();
    }
  }

  get #facts(): ClientFacts {
    return { remoteAddress: this.#wire.remoteAddress, processId: this.#processId };
  }

  /** Null: the client went away, or wanted something else than a session. */
  async #startup(): Promise<StartupMessage | null> {
    const deadline = this.#environment.clock.after(STARTUP_DEADLINE_MS, () => {
      this.#input.interrupt(new FatalError("57014", "canceling authentication due to timeout"));
    });
    try {
      return await this.#startupPackets();
    } finally {
      deadline.cancel();
    }
  }

  async #startupPackets(): Promise<StartupMessage | null> {
    for (let requests = 0; ; requests += 1) {
      const frame = await this.#input.startup();
      if (frame === null) return null;
      const packet = decodeStartup(frame.body);
      if (packet.kind === "startup") return packet;
      if (packet.kind === "cancelRequest") {
        this.#environment.cancelKeys.cancel(packet);
        return null;
      }
      // A client may ask for SSL and for GSSAPI, each once.
      if (requests === 2) throw unsupportedVersion(1234, 5679);
      // Whoever sends on before our answer would have it taken for encrypted: an injected request.
      if (this.#input.waitingBytes > 0) return null;
      await this.#wire.write(Uint8Array.of(0x4e)); // N
    }
  }

  async #connect(startup: StartupMessage): Promise<Session> {
    const { database, cancelKeys } = this.#environment;
    const { writer } = this.#output;
    if (startup.negotiates) writer.negotiateProtocolVersion(startup.unknownOptions);
    this.#environment.admit();
    this.#admitted = true;
    const key = cancelKeys.register(() => {
      if (!this.#input.isIdle || this.#copies.isReceiving) this.#session?.cancel();
    });
    this.#processId = key.processId;
    const session = await database.connect({
      user: startup.user,
      database: startup.database,
      parameters: startup.parameters,
      processId: key.processId,
      remoteAddress: this.#wire.remoteAddress,
      terminate: (error) => {
        this.#input.interrupt(new FatalError(error.sqlState, error.message, error.fields));
      },
    });
    this.#session = session;
    writer.authenticationOk();
    this.#reportParameters(session);
    writer.backendKeyData(key.processId, key.secretKey);
    await this.#ready(session);
    return session;
  }

  async #serve(session: Session): Promise<void> {
    const extended = new ExtendedQuery(session, this.#output, this.#copies);
    try {
      for (;;) {
        const frame = this.#input.messageHere(this.#limitOf) ?? (await this.#nextMessage());
        // Since the message came: then nothing of it has happened.
        this.#input.throwIfInterrupted();
        if (frame === null) return;
        const handled = this.#handle(frame, session, extended);
        if (!(handled instanceof Promise ? await handled : handled)) return;
      }
    } finally {
      extended.closePortals();
    }
  }

  /**
   * Waits for the client. It may wait for an error itself before it sends Sync, and a Flush behind the
   * error is skipped; where Sync is here already, both leave together.
   */
  #nextMessage(): Promise<Frame | null> {
    const message = (): Promise<Frame | null> => this.#input.message(this.#limitOf);
    return this.#skipping ? this.#flushed().then(message) : message();
  }

  async #flushed(): Promise<void> {
    await this.#output.flush();
  }

  /** False: the client has said good-bye. */
  #handle(frame: Frame, session: Session, extended: ExtendedQuery): MaybePromise<boolean> {
    if (this.#skipping && !endsSkipping(frame.type)) return true;
    this.#skipping = false;
    const refused = (error: unknown): Promise<boolean> =>
      this.#refused(error, frame.type, session, extended);
    try {
      const message = decodeFrontend(frame);
      if (message.kind === "terminate") return false;
      const work = this.#dispatch(message, session, extended);
      return work instanceof Promise ? work.then(() => true, refused) : true;
    } catch (error) {
      return refused(error);
    }
  }

  /** Answers a message of this type with an error. Rejects with what ends the connection. */
  async #refused(
    error: unknown,
    type: number,
    session: Session,
    extended: ExtendedQuery,
  ): Promise<true> {
    const answered = this.#answerable(error);
    this.#sendError(answered);
    if (isExtendedQuery(type)) {
      this.#skipping = true;
      if (!extended.isSessionError(error)) session.fail(answered);
    } else {
      if (session.transactionStatus === "I") extended.closePortals();
      await this.#ready(session);
    }
    return true;
  }

  #dispatch(
    message: Exclude<FrontendMessage, { kind: "terminate" }>,
    session: Session,
    extended: ExtendedQuery,
  ): MaybePromise<void> {
    switch (message.kind) {
      case "query":
        return this.#query(message.text, session, extended);
      case "parse":
        return extended.parse(message);
      case "bind":
        return extended.bind(message);
      case "describe":
        return extended.describe(message);
      case "execute":
        this.#owesReady = true;
        return extended.execute(message.portal, message.rowLimit, this.#input.nextIs(SYNC));
      case "close":
        return extended.close(message);
      case "flush":
        return this.#output.flush();
      case "sync":
        return this.#sync(session, extended);
      case "functionCall":
        throw notSupported("the function call protocol");
      case "copyData":
      case "copyDone":
      case "copyFail":
        return;
      default:
        unreachable(message);
    }
  }

  async #query(text: string, session: Session, extended: ExtendedQuery): Promise<void> {
    extended.forgetUnnamed();
    let results = 0;
    for await (const result of session.simpleQuery(text)) {
      results += 1;
      try {
        this.#output.notices(result.notices);
        const sent = result.kind === "cursor" ? await extended.useCursor(result) : result;
        if (sent !== null) await this.#sendResult(sent, session, extended);
      } catch (error) {
        session.fail(this.#answerable(error));
        throw error;
      }
    }
    if (results === 0) this.#output.writer.emptyQueryResponse();
    if (session.transactionStatus === "I") extended.closePortals();
    await this.#ready(session);
  }

  async #sendResult(
    result: Exclude<StatementResult, CursorResult>,
    session: Session,
    extended: ExtendedQuery,
  ): Promise<void> {
    const { writer } = this.#output;
    if (result.kind === "empty") {
      writer.emptyQueryResponse();
      return;
    }
    if (result.kind === "command") {
      extended.command(result);
      return;
    }
    if (result.kind === "copyIn") {
      await this.#copies.receive(result);
      return;
    }
    if (result.kind === "copyOut") {
      await this.#copies.send(result, session.textSettings);
      return;
    }
    let exhausted = false;
    try {
      writer.rowDescription(describeFields(result.columns));
      const encoder = new RowEncoder(result.columns, [], session.textSettings);
      const sent = await this.#output.rows(result.rows, encoder, 0);
      exhausted = true;
      writer.commandComplete(result.tag(sent.count));
    } finally {
      if (!exhausted) result.rows.close();
    }
  }

  #sync(session: Session, extended: ExtendedQuery): MaybePromise<void> {
    return andThen(session.sync(), () => {
      if (session.transactionStatus === "I") extended.closePortals();
      return this.#ready(session);
    });
  }

  #ready(session: Session): MaybePromise<void> {
    this.#reportParameters(session);
    this.#output.writer.readyForQuery(session.transactionStatus);
    this.#owesReady = false;
    if (this.#shutdown !== null) this.#input.interrupt(this.#shutdown);
    return this.#output.flush();
  }

  /** Tells the values that the client does not have yet. */
  #reportParameters(session: Session): void {
    const parameters = session.reportedParameters();
    if (parameters === this.#reportedLast) return;
    this.#reportedLast = parameters;
    for (const [name, value] of parameters) {
      if (this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      this.#output.writer.parameterStatus(name, value);
    }
  }

  /** The error to answer with. Throws what ends the connection. */
  #answerable(error: unknown): SqlError {
    if (error instanceof ConnectionLost || error instanceof FatalError) throw error;
    if (!(error instanceof SqlError)) {
      this.#environment.log.fault(error, this.#facts);
      return new SqlError("XX000", "internal error");
    }
    // The node stops, or the transaction took too long: the session is of no more use. One that lacks a
    // quorum (57P03) may get it back.
    if (/^(57P0[12]|25P04)$/.test(error.sqlState)) {
      throw new FatalError(error.sqlState, error.message, error.fields);
    }
    return error;
  }

  #sendError(error: SqlError): void {
    this.#environment.metrics.errorSent(error.sqlState);
    this.#output.writer.errorResponse(error instanceof FatalError ? "FATAL" : "ERROR", error);
  }

  /** The last words: whatever ends the connection early is told to the client as FATAL. */
  async #fail(error: unknown): Promise<void> {
    if (error instanceof ConnectionLost) return;
    let known: SqlError;
    if (error instanceof SqlError) known = error;
    else {
      this.#environment.log.fault(error, this.#facts);
      known = new SqlError("XX000", "internal error");
    }
    this.#environment.log.clientError(`connection ended with ${known.sqlState}`, this.#facts);
    this.#sendError(new FatalError(known.sqlState, known.message, known.fields));
    try {
      await this.#output.flush();
    } catch (lost) {
      if (!(lost instanceof ConnectionLost)) this.#environment.log.fault(lost, this.#facts);
    }
  }

  #closeSession(): void {
    const session = this.#session;
    this.#session = null;
    session?.close();
  }
}
