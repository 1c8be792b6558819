/** What the protocol side tells the outside. Neither statements nor their values are ever told. */

export interface ClientFacts {
  readonly remoteAddress: string;
  /** 0 until the client's session was admitted. */
  readonly processId: number;
}

export interface WireLog {
  /** The client did something worth a line: a broken protocol, a refused connection. */
  clientError(message: string, client: ClientFacts): void;
  /** A fault of ours; the client was told XX000 and nothing else. */
  fault(error: unknown, client: ClientFacts): void;
}

export interface WireMetrics {
  sessionOpened(): void;
  sessionClosed(): void;
  /** An ErrorResponse is on its way. */
  errorSent(sqlState: string): void;
}
