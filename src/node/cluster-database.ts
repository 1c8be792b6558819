import type { Clock } from "../base/clock.ts";
import type { ConnectionRequest, Database, Session } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { LargeTexts } from "../sql/large-text.ts";
import { SessionSettings } from "../sql/settings/session-settings.ts";
import { TranslationCache } from "../sql/translation-cache.ts";
import { ClusterSession } from "./cluster-session.ts";
import { stopping } from "./failures.ts";
import type { Gateway } from "./gateway.ts";
import { SessionState } from "./session-state.ts";

/** Startup parameters that are not settings. */
const NOT_SETTINGS = new Set(["user", "database", "options", "replication"]);

/** The cluster as PostgreSQL clients see it through this node. */
export class ClusterDatabase implements Database {
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  /** Shared by all sessions: the key holds everything that a translation depends on. */
  readonly #translations: TranslationCache;
  #stopped = false;

  /** Without `largeTexts` all texts are translated where they come in. */
  constructor(gateway: Gateway, clock: Clock, largeTexts: LargeTexts | null) {
    this.#gateway = gateway;
    this.#clock = clock;
    this.#translations = new TranslationCache(largeTexts);
  }

  async connect(request: ConnectionRequest): Promise<Session> {
    if (this.#stopped) throw stopping();
    const { info } = await this.#gateway.database(request.database);
    const settings = new SessionSettings();
    settings.force("session_authorization", request.user);
    settings.startup(startupSettings(request.parameters));
    const state = new SessionState({
      user: request.user,
      database: info,
      processId: request.processId,
      settings,
      translations: this.#translations,
    });
    return new ClusterSession({
      gateway: this.#gateway,
      state,
      clock: this.#clock,
      terminate: (error) => request.terminate(error),
    });
  }

  /** Refuses new connections. */
  stop(): void {
    this.#stopped = true;
  }
}

function startupSettings(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = [...parameters].filter(
    ([name]) => !NOT_SETTINGS.has(name) && !name.startsWith("_pq_."),
  );
  return new Map([...settings, ...parseOptions(parameters.get("options") ?? "")]);
}

/** The startup parameter `options`: -c name=value and --name=value, backslash escapes a blank. */
function parseOptions(options: string): [string, string][] {
  const words = (options.match(/(?:\\.|[^\s\\])+/g) ?? []).map((word) =>
    word.replace(/\\(.)/g, "$1"),
  );
  const settings: [string, string][] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const joined = word === "-c" ? (words[(at += 1)] ?? "") : word.replace(/^(-c|--)/, "");
    const match = /^([\w.-]+)=(.*)$/s.exec(joined);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new SqlError("42601", `invalid command-line argument for server process: ${word}`);
    }
    settings.push([match[1].replaceAll("-", "_"), match[2]]);
  }
  return settings;
}
