/**
 * A client in memory: bytes go straight into a ClientSession, and what comes out is read by
 * pg-protocol's parser and told as lines such as `dataRow 1|x|NULL`.
 */

import { serialize } from "pg-protocol";
import { Parser } from "pg-protocol/dist/parser.js";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { CancelRegistry } from "../../../src/pgwire/cancel-registry.ts";
import { ConnectionLost } from "../../../src/pgwire/output.ts";
import { ClientSession } from "../../../src/pgwire/session.ts";
import { FakeDatabase } from "./fake-database.ts";

type Field = string | null;

interface AnyMessage {
  readonly name: string;
  readonly status?: string;
  readonly text?: string;
  readonly code?: string;
  readonly severity?: string;
  readonly message?: string;
  readonly where?: string;
  readonly columnTypes?: readonly number[];
  readonly chunk?: Buffer;
  readonly parameterName?: string;
  readonly parameterValue?: string;
  readonly dataTypeIDs?: readonly number[];
  readonly fields?: readonly (Field | { readonly name: string; readonly format: string })[];
}

/** One line a message. */
function tell(message: AnyMessage): string {
  const { name } = message;
  switch (name) {
    case "readyForQuery":
      return `readyForQuery ${message.status}`;
    case "commandComplete":
      return `commandComplete ${message.text}`;
    case "parameterStatus":
      return `parameterStatus ${message.parameterName}=${message.parameterValue}`;
    case "parameterDescription":
      return `parameterDescription ${message.dataTypeIDs?.join(",")}`;
    case "error":
      return [message.severity, message.code, message.message, message.where]
        .filter((part) => part !== undefined)
        .join(" ");
    case "notice":
      return `notice ${message.message}`;
    case "dataRow":
      return `dataRow ${message.fields?.map((field) => (typeof field === "string" ? field : "NULL")).join("|")}`;
    case "rowDescription":
      return `rowDescription ${message.fields
        ?.map((field) => {
          if (field === null || typeof field === "string" || !("format" in field)) return "?";
          return `${field.name}:${field.format}`;
        })
        .join(",")}`;
    default:
      return tellCopy(message);
  }
}

function tellCopy({ name, columnTypes, chunk }: AnyMessage): string {
  if (chunk !== undefined) return `${name} ${JSON.stringify(chunk.toString())}`;
  return columnTypes === undefined ? name : `${name} ${columnTypes.length}`;
}

/** Bytes of server messages as lines. */
export function tellBytes(bytes: Uint8Array): readonly string[] {
  const lines: string[] = [];
  new Parser().parse(Buffer.from(bytes), (message) => lines.push(tell(message)));
  return lines;
}

export interface Faults {
  readonly logged: unknown[];
  readonly sent: string[];
}

export class WireClient {
  readonly database: FakeDatabase;
  readonly session: ClientSession;
  readonly done: Promise<void>;
  readonly faults: Faults = { logged: [], sent: [] };
  readonly cancelKeys: CancelRegistry;
  opened = 0;
  /** Whether the session has ended. */
  ended = false;
  /** How often something was sent to the client. */
  writes = 0;
  /** While set, the client reads nothing. */
  reading = true;
  #resume: (() => void) | null = null;
  #lost = false;
  #received: Uint8Array[] = [];

  constructor(
    database = new FakeDatabase(),
    cancelKeys = new CancelRegistry(),
    clock: Clock = systemClock,
  ) {
    this.database = database;
    this.cancelKeys = cancelKeys;
    this.session = new ClientSession(
      {
        database,
        cancelKeys,
        clock,
        log: {
          clientError: () => undefined,
          fault: (error) => this.faults.logged.push(error),
        },
        metrics: {
          sessionOpened: () => undefined,
          sessionClosed: () => undefined,
          errorSent: (sqlState) => this.faults.sent.push(sqlState),
        },
        largeMessageBytesMax: 1024 * 1024,
        admit: () => {
          this.opened += 1;
        },
        release: () => {
          this.opened -= 1;
        },
      },
      {
        remoteAddress: "10.0.0.1",
        write: (bytes) => this.#write(bytes),
        onInputWanted: () => undefined,
      },
    );
    this.done = this.session.run().then(() => {
      this.ended = true;
    });
  }

  /** A client that has finished its startup. */
  static async started(database = new FakeDatabase()): Promise<WireClient> {
    const client = new WireClient(database);
    await client.send(serialize.startup({ user: "synod", database: "shop" }));
    client.lines();
    return client;
  }

  /** Sends bytes and lets the session do what it can. */
  async send(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.session.receive(part);
    await settle();
  }

  /** Sends and returns the answers. */
  async ask(...parts: readonly Uint8Array[]): Promise<readonly string[]> {
    await this.send(...parts);
    return this.lines();
  }

  /** Everything that came since the last call. */
  lines(): readonly string[] {
    return tellBytes(this.bytes());
  }

  bytes(): Uint8Array {
    const bytes = Buffer.concat(this.#received);
    this.#received = [];
    return bytes;
  }

  /** The connection breaks. */
  async vanish(): Promise<void> {
    this.#lost = true;
    this.session.disconnected();
    this.resumeReading();
    await settle();
  }

  resumeReading(): void {
    this.reading = true;
    this.#resume?.();
    this.#resume = null;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) throw new ConnectionLost("gone");
    this.#received.push(bytes);
    this.writes += 1;
    if (this.reading) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }
}

/** Lets promises that need no outside event settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
