/**
 * From a data directory to a member's identity, whatever the directory holds: a member just starts
 * again, a candidate goes on where it was, a new node draws its incarnation and becomes a candidate.
 */
import { nanoid } from "nanoid";
import type { Logger } from "pino";
import { parseAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { encodeMembership } from "../paxos/membership.ts";
import { nodeId } from "../paxos/types.ts";
import { type ExchangeResult, exchange } from "../transport/exchange.ts";
import { type Hello, PROTOCOL_VERSION, type Purpose } from "../transport/hello.ts";
import type { PeerListener } from "../transport/peer-listener.ts";
import type { NodeConfig } from "./config.ts";
import {
  answerForm,
  decodeFormAnswer,
  decodeFormRequest,
  encodeFormAnswer,
  encodeFormRequest,
  Formation,
  formRequest,
  memberIdentity,
} from "./formation.ts";
import type { BootstrapMember, Candidate, IdentityStore, MemberIdentity } from "./identity.ts";
import {
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
  type JoinHandler,
} from "./join.ts";
import { StartRefused } from "./start-refused.ts";

const ASK_INTERVAL_MS = 250;
const FORM_ANSWER_MS_MAX = 2_000;
/** A join waits for a decision of the log. */
const JOIN_ANSWER_MS_MAX = 20_000;
const PROGRESS_INTERVAL_MS = 5_000;

export interface Entrance {
  readonly config: NodeConfig;
  readonly store: IdentityStore;
  readonly listener: PeerListener;
  readonly clock: Clock;
  readonly log: Logger;
  readonly softwareVersion: string;
  /** α for a cluster that is founded here. */
  readonly window: number;
  /** Aborted: stop asking; enterCluster rejects with StartRefused. */
  readonly signal: AbortSignal;
}

/**
 * Resolves once this node is a member and that is durable; waits for the others as long as it takes.
 * Rejects with StartRefused where waiting would not help. The directory may be abandoned then, unless
 * it is a RefusedAfterContact.
 */
export async function enterCluster(entrance: Entrance): Promise<MemberIdentity> {
  const { config, store, listener } = entrance;
  const remembered = store.current;
  if (remembered?.kind === "member") {
    serveForm(entrance, null);
    const identity = { ...remembered, addresses: config.addresses };
    if (JSON.stringify(remembered.addresses) !== JSON.stringify(identity.addresses)) {
      await store.store(identity);
    }
    return identity;
  }
  if (config.origin === null) throw new StartRefused(`${config.name} has no cluster to enter`);
  const candidate: Candidate = {
    kind: "candidate",
    name: config.name,
    incarnation: remembered?.incarnation ?? nanoid(),
    addresses: config.addresses,
    origin: config.origin,
  };
  // Durable before anybody hears of the incarnation: it must be the same after a crash.
  await store.store(candidate);
  entrance.log.info({ address: listener.address }, "waiting to enter a cluster");
  return candidate.origin.kind === "bootstrap"
    ? form(entrance, candidate, candidate.origin.members)
    : join(entrance, candidate, candidate.origin.seeds);
}

/** A member's side of joining; `handler` has the addition decided. */
export function serveJoin(port: Pick<PeerListener, "serve">, handler: JoinHandler): void {
  port.serve("join", async (hello, request) =>
    encodeJoinAnswer(await handler(decodeJoinRequest(request), hello)),
  );
}

/** This node may be known elsewhere under its incarnation, which must not be thrown away then. */
export class RefusedAfterContact extends StartRefused {}

function serveForm(entrance: Entrance, formation: Formation | null): void {
  entrance.listener.serve("form", async (_hello, bytes) => {
    const request = decodeFormRequest(bytes);
    const answer = answerForm(entrance.store.current, formation, request);
    if (answer.kind === "refused") {
      entrance.log.warn({ peer: request.name, reason: answer.reason }, "node refused");
    }
    return encodeFormAnswer(answer);
  });
}

async function form(
  entrance: Entrance,
  candidate: Candidate,
  members: readonly BootstrapMember[],
): Promise<MemberIdentity> {
  const formation = new Formation(candidate, members);
  const others = members.filter((member) => member.name !== candidate.name);
  const request = encodeFormRequest(formRequest(candidate, members));
  const contacts = new Contacts();
  const progress = new Progress(entrance);
  serveForm(entrance, formation);
  for (;;) {
    for (const other of others) {
      const result = await ask(entrance, "form", {
        address: other.peer,
        request,
        timeoutMs: FORM_ANSWER_MS_MAX,
      });
      contacts.note(other.name, result);
      if (result.kind !== "answered") continue;
      const answer = decodeFormAnswer(result.answer);
      if (answer.kind === "refused") throw contacts.refusal(answer.reason);
      contacts.known = true;
      if (answer.kind === "formed")
        return settle(entrance, memberIdentity(candidate, answer.admission));
    }
    const membership = contacts.absent.length === 0 ? formation.found() : null;
    if (membership !== null) {
      const admission = {
        clusterId: nanoid(),
        window: entrance.window,
        membership: encodeMembership(membership),
      };
      return settle(entrance, memberIdentity(candidate, admission));
    }
    progress.say(`waiting for ${waitedFor(formation, contacts, others).join(", ")}`);
    await pause(entrance);
  }
}

function waitedFor(
  formation: Formation,
  contacts: Contacts,
  others: readonly BootstrapMember[],
): readonly string[] {
  const names = new Set([...contacts.absent, ...formation.missing]);
  const waiting = others.map((other) => other.name).filter((name) => names.has(name));
  return waiting.length > 0
    ? waiting
    : [`${others[0]?.name ?? "the founder"} to found the cluster`];
}

async function join(
  entrance: Entrance,
  candidate: Candidate,
  seeds: readonly string[],
): Promise<MemberIdentity> {
  const { name, incarnation, addresses } = candidate;
  const { peer, sql } = addresses;
  const request = encodeJoinRequest({ name, incarnation, peer, sql });
  const contacts = new Contacts();
  const progress = new Progress(entrance);
  for (;;) {
    for (const seed of seeds) {
      const result = await ask(entrance, "join", {
        address: seed,
        request,
        timeoutMs: JOIN_ANSWER_MS_MAX,
      });
      contacts.note(seed, result);
      if (result.kind !== "answered") {
        progress.say(`waiting for a member at ${seed}: ${reasonOf(result)}`);
        continue;
      }
      const answer = decodeJoinAnswer(result.answer);
      if (answer.kind === "refused") throw contacts.refusal(answer.reason);
      contacts.known = true;
      if (answer.kind === "joined") {
        return settle(entrance, memberIdentity(candidate, answer.admission));
      }
      progress.say(`not let in yet by ${seed}: ${answer.reason}`);
    }
    await pause(entrance);
  }
}

async function settle(entrance: Entrance, identity: MemberIdentity): Promise<MemberIdentity> {
  await entrance.store.store(identity);
  serveForm(entrance, null);
  const { clusterId, nodeId: number } = identity;
  entrance.log.info({ cluster: clusterId, number }, "member of the cluster");
  return identity;
}

function ask(
  entrance: Entrance,
  purpose: Purpose,
  question: { address: string; request: Uint8Array; timeoutMs: number },
): Promise<ExchangeResult> {
  const address = parseAddress(question.address);
  if (address === null) throw new StartRefused(`${question.address} is no address`);
  const { request, timeoutMs } = question;
  const identity = entrance.store.current;
  const hello: Hello = {
    protocolVersion: PROTOCOL_VERSION,
    purpose,
    clusterId: "",
    nodeId: nodeId(0),
    name: entrance.config.name,
    incarnation: identity?.incarnation ?? "",
    target: nodeId(0),
    softwareVersion: entrance.softwareVersion,
  };
  const { signal } = entrance;
  return exchange({ address, hello, request, timeoutMs, signal }, entrance.clock);
}

async function pause(entrance: Entrance): Promise<void> {
  await new Promise<void>((resolve) => {
    entrance.clock.after(ASK_INTERVAL_MS, resolve);
  });
  if (entrance.signal.aborted) throw new RefusedAfterContact("stopped before it entered a cluster");
}

function reasonOf(result: ExchangeResult): string {
  if (result.kind === "refused") return result.refusal.reason;
  return result.kind === "failed" ? result.reason : "";
}

/** Which of those that were asked answered, and whether one of them may have written our incarnation down. */
class Contacts {
  readonly #absent = new Set<string>();
  known = false;

  note(name: string, result: ExchangeResult): void {
    if (result.kind === "answered") this.#absent.delete(name);
    else this.#absent.add(name);
    if (result.kind === "failed" && result.mayHaveBeenCarriedOut) this.known = true;
    if (result.kind === "refused" && result.refusal.code === "protocolVersion") {
      throw this.refusal(result.refusal.reason);
    }
  }

  get absent(): readonly string[] {
    return [...this.#absent];
  }

  refusal(reason: string): StartRefused {
    return this.known ? new RefusedAfterContact(reason) : new StartRefused(reason);
  }
}

/** Says what is waited for: at once when it changes, now and then while it stays. */
class Progress {
  readonly #entrance: Entrance;
  #last = "";
  #lastAtMs = 0;

  constructor(entrance: Entrance) {
    this.#entrance = entrance;
  }

  say(text: string): void {
    const now = this.#entrance.clock.monotonicMs();
    if (text === this.#last && now - this.#lastAtMs < PROGRESS_INTERVAL_MS) return;
    this.#last = text;
    this.#lastAtMs = now;
    this.#entrance.log.info(text);
  }
}
