import { createServer } from "node:net";
import { type Address, formatAddress } from "../base/address.ts";

/** Null if a server could listen there now; else why not, as half a sentence. */
export function portProblem(address: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(describe(address, error)));
    server.listen({ host: address.host, port: address.port }, () => {
      server.close(() => resolve(null));
    });
  });
}

function describe(address: Address, error: Error): string {
  const code = "code" in error ? String(error.code) : error.message;
  const place = formatAddress(address);
  switch (code) {
    case "EADDRINUSE":
      return `port ${place} is taken by another process`;
    case "EACCES":
      return `port ${place} needs more rights than this user has`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${address.host} is no address of this machine`;
    default:
      return `cannot listen on ${place} (${code})`;
  }
}
