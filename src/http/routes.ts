/**
 * What the HTTP port answers.
 *
 * | path                | method | answer |
 * | /healthz            | GET    | 200: the process is alive |
 * | /readyz             | GET    | 200, or 503 with the reason: not caught up, no quorum |
 * | /status             | GET    | the node's status as JSON |
 * | /metrics            | GET    | Prometheus text |
 * | /admin/members      | POST   | {"action": "remove" or "promote", "id": name} |
 * | /admin/snapshot     | POST   | takes a snapshot now |
 * | /admin/content-hash | GET    | hash of all content and its slot, to compare nodes; reads everything |
 *
 * The admin paths have no login yet, so they serve this machine only, and never a web page: a
 * browser does not send the header across sites without asking first, and nobody answers that; a
 * page that points its own host name at this machine is told apart by the Host header.
 */
import type { Administration, AdminResult, StatusSource } from "../node/status.ts";
import type { PrometheusMetrics } from "./metrics.ts";

/** Must be on every admin request; its value does not matter. */
export const ADMIN_HEADER = "x-synod-admin";

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

export interface Answer {
  readonly code: number;
  readonly contentType: string;
  readonly body: string;
  /** Further headers, by their names. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly remoteAddress: string;
  readonly hasAdminHeader: boolean;
  /** The Host header: how the client calls this server. */
  readonly host: string;
}

/** What the routes speak for. */
export interface Served {
  readonly source: StatusSource;
  readonly administration: Administration;
  readonly metrics: PrometheusMetrics;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly admin: boolean;
  answer(served: Served, request: Request): Answer | Promise<Answer>;
}

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/healthz", { method: "GET", admin: false, answer: () => text(200, "ok\n") }],
  ["/readyz", { method: "GET", admin: false, answer: readyz }],
  ["/status", { method: "GET", admin: false, answer: ({ source }) => json(200, source.status()) }],
  ["/metrics", { method: "GET", admin: false, answer: metrics }],
  ["/admin/members", { method: "POST", admin: true, answer: changeMembers }],
  ["/admin/snapshot", { method: "POST", admin: true, answer: takeSnapshot }],
  ["/admin/content-hash", { method: "GET", admin: true, answer: contentHash }],
]);

export async function answerRequest(served: Served, request: Request): Promise<Answer> {
  const route = routes.get(request.path);
  if (route === undefined) {
    return text(404, `nothing at ${request.path}; there is ${[...routes.keys()].join(", ")}\n`);
  }
  const allowed = route.method === "GET" ? ["GET", "HEAD"] : ["POST"];
  if (!allowed.includes(request.method)) {
    const allow = allowed.join(", ");
    return { ...text(405, `${request.path} answers ${allow}\n`), headers: { allow } };
  }
  if (route.admin) {
    const refusal = refuseAdmin(request);
    if (refusal !== null) return text(403, refusal);
  }
  return route.answer(served, request);
}

export function text(code: number, body: string): Answer {
  return { code, contentType: "text/plain; charset=utf-8", body };
}

function json(code: number, value: unknown): Answer {
  return { code, contentType: "application/json", body: `${JSON.stringify(value, null, 2)}\n` };
}

function refuseAdmin(request: Request): string | null {
  if (!isLoopback(request.remoteAddress)) {
    return "administration is allowed from this machine only\n";
  }
  if (!LOOPBACK_HOST.test(request.host)) {
    return "administration is answered under localhost, 127.0.0.1 or [::1] only\n";
  }
  return request.hasAdminHeader ? null : `administration needs the header ${ADMIN_HEADER}\n`;
}

function isLoopback(address: string): boolean {
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return plain === "::1" || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

function readyz({ source }: Served): Answer {
  const { ready, reason } = source.readiness();
  return ready ? text(200, "ready\n") : text(503, `not ready: ${reason}\n`);
}

async function metrics(served: Served): Promise<Answer> {
  const rendered = await served.metrics.render(served.source);
  return { code: 200, contentType: rendered.contentType, body: rendered.text };
}

async function changeMembers(served: Served, request: Request): Promise<Answer> {
  const change = parseChange(request.body);
  if (change === null) {
    return text(400, 'expected {"action": "remove" or "promote", "id": name}\n');
  }
  const { administration } = served;
  return adminAnswer(
    change.action === "remove"
      ? await administration.removeMember(change.id)
      : await administration.promoteMember(change.id),
  );
}

async function takeSnapshot(served: Served): Promise<Answer> {
  return adminAnswer(await served.administration.takeSnapshot());
}

async function contentHash(served: Served): Promise<Answer> {
  return json(200, await served.administration.contentHash());
}

function adminAnswer(result: AdminResult): Answer {
  return json(result.ok ? 200 : 409, result);
}

function parseChange(body: string): { action: "remove" | "promote"; id: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const action = "action" in value ? value.action : null;
  const id = "id" in value ? value.id : null;
  if (typeof id !== "string" || (action !== "remove" && action !== "promote")) return null;
  return { action, id };
}
