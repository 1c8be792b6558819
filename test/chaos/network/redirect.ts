/**
 * Loaded into a node's process before its program (`--import`): every connection that it opens goes
 * to the proxy instead, and begins with a line that says who dials and whom. The program itself is
 * the one that is shipped, and every node has its true address in the membership.
 */
import { Socket } from "node:net";
import process from "node:process";

interface Target {
  host?: string;
  port?: number | string;
}

const PROXY_PORT = process.env["SYNOD_CHAOS_PROXY"];
const NAME = process.env["SYNOD_CHAOS_NAME"];

if (PROXY_PORT !== undefined && NAME !== undefined) redirect(Number(PROXY_PORT), NAME);

function redirect(proxyPort: number, name: string): void {
  // `connect` calls it with the options in an array of its own, however it was called itself.
  type Connect = (this: Socket, ...args: unknown[]) => Socket;
  const connect: unknown = Reflect.get(Socket.prototype, "connect");
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    const [first] = args;
    const target = (Array.isArray(first) ? first[0] : first) as Target;
    const line = `${name} ${target.host}:${target.port}\n`;
    target.host = "127.0.0.1";
    target.port = proxyPort;
    const socket = (connect as Connect).apply(this, args);
    socket.write(line);
    return socket;
  };
}
