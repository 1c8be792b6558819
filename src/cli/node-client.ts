import { ADMIN_HEADER } from "../http/routes.ts";
import type { AdminResult, NodeStatus } from "../node/status.ts";

export const DEFAULT_HTTP = "127.0.0.1:8001";

const STATUS_MS_MAX = 5_000;
/** A change of the membership waits for a decision, a snapshot for the disk. */
const ADMIN_MS_MAX = 120_000;

/** The node could not be asked; the message is for the user. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** Throws UnreachableError. */
export async function fetchStatus(http: string): Promise<NodeStatus> {
  const response = await request(http, "/status", { signal: AbortSignal.timeout(STATUS_MS_MAX) });
  if (!response.ok) throw new UnreachableError(`${http} answered ${response.status} to /status`);
  return (await response.json()) as NodeStatus;
}

/** Whether the node is ready for clients, and the reason if not. Never throws. */
export async function fetchReadiness(http: string): Promise<{ ready: boolean; reason: string }> {
  try {
    const response = await request(http, "/readyz", { signal: AbortSignal.timeout(STATUS_MS_MAX) });
    return { ready: response.ok, reason: (await response.text()).trim() };
  } catch {
    return { ready: false, reason: "starting" };
  }
}

/** Throws UnreachableError. */
export async function administer(http: string, path: string, body: object): Promise<AdminResult> {
  const response = await request(http, path, {
    method: "POST",
    headers: { [ADMIN_HEADER]: "1", "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ADMIN_MS_MAX),
  });
  const answer = await response.text();
  if (response.headers.get("content-type") === "application/json") {
    return JSON.parse(answer) as AdminResult;
  }
  return { ok: false, message: answer.trim() };
}

async function request(http: string, path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(`http://${http}${path}`, options);
  } catch (cause) {
    throw new UnreachableError(
      `no node answers at ${http}: start one, or give the HTTP address of another with --http`,
      { cause },
    );
  }
}
