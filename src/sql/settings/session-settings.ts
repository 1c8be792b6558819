import { SqlError } from "../errors.ts";
import type { TextSettings } from "../types/pg-type.ts";
import { parseMilliseconds, type SettingDefinition, settingDefinitions } from "./definitions.ts";

/** One session's run-time parameters: SET, RESET, SHOW and what the protocol reports. */
export class SessionSettings {
  /** By lower-case name; only what differs from the definition. */
  readonly #values = new Map<string, string>();
  #version = 0;
  #textSettings: TextSettings | null = null;
  #isReadOnly: boolean | null = null;
  /** What SET LOCAL has hidden until the transaction ends; undefined: the value was the usual one. */
  readonly #hidden = new Map<string, string | undefined>();
  /** What the connection's startup parameters set: RESET goes back to it. */
  readonly #startup = new Map<string, string>();

  /** Another number whenever a value may have changed. */
  get version(): number {
    return this.#version;
  }

  /** Takes startup parameters; those that are no settings throw SqlError 42704. */
  startup(parameters: ReadonlyMap<string, string>): void {
    for (const [name, value] of parameters) {
      this.set(name, value);
      this.#startup.set(name.toLowerCase(), this.show(name));
    }
  }

  /** SET name TO value; null: TO DEFAULT. */
  set(name: string, value: string | null): void {
    if (value === null) return this.reset(name);
    const key = name.toLowerCase();
    this.#values.set(key, this.check(name, value));
    this.#hidden.delete(key);
    this.#changed();
  }

  /** The value as `set` would keep it. Throws SqlError as it would, and changes nothing. */
  check(name: string, value: string | null): string {
    const definition = this.#definition(name);
    if (definition?.readOnly === true) {
      throw new SqlError("55P02", `parameter "${definition.name}" cannot be changed`);
    }
    return value === null || definition === null ? (value ?? "") : definition.parse(value);
  }

  /** SET LOCAL: until `endLocal`, or until a savepoint's undo. */
  setLocal(name: string, value: string | null): void {
    const key = name.toLowerCase();
    const hidden = this.#hidden.has(key) ? this.#hidden.get(key) : this.#values.get(key);
    this.set(name, value);
    this.#hidden.set(key, hidden);
  }

  /** The transaction has ended: what SET LOCAL has hidden is back. */
  endLocal(): void {
    if (this.#hidden.size === 0) return;
    for (const [key, value] of this.#hidden) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
    this.#hidden.clear();
    this.#changed();
  }

  reset(name: string): void {
    const key = name.toLowerCase();
    this.#definition(name);
    const startup = this.#startup.get(key);
    if (startup === undefined) this.#values.delete(key);
    else this.#values.set(key, startup);
    this.#hidden.delete(key);
    this.#changed();
  }

  resetAll(): void {
    this.#values.clear();
    this.#hidden.clear();
    for (const [key, value] of this.#startup) this.#values.set(key, value);
    this.#changed();
  }

  /** Answers with what brings back the values of now. */
  savepoint(): () => void {
    const [saved, hidden] = [[...this.#values], [...this.#hidden]];
    return () => {
      this.#values.clear();
      for (const [key, value] of saved) this.#values.set(key, value);
      this.#hidden.clear();
      for (const [key, value] of hidden) this.#hidden.set(key, value);
      this.#changed();
    };
  }

  /** SHOW. Throws SqlError 42704 for a parameter that nobody knows. */
  show(name: string): string {
    const definition = this.#definition(name);
    const value = this.#values.get(name.toLowerCase()) ?? this.#usual(name, definition);
    if (value === undefined) {
      throw new SqlError("42704", `unrecognized configuration parameter "${name}"`);
    }
    return value;
  }

  /** SHOW, but null for a parameter that nobody knows. */
  showIfKnown(name: string): string | null {
    const isKnown =
      this.#values.has(name.toLowerCase()) || settingDefinitions.has(name.toLowerCase());
    return isKnown ? this.show(name) : null;
  }

  /** Name and value of every known parameter, by name. */
  all(): (readonly [string, string])[] {
    return [...settingDefinitions.values()].map(({ name }) => [name, this.show(name)] as const);
  }

  /** Overrides what the server itself decides (in_hot_standby, session_authorization). */
  force(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
    this.#startup.set(name.toLowerCase(), value);
    this.#changed();
  }

  reported(): Map<string, string> {
    const reported = [...settingDefinitions.values()].filter((definition) => definition.reported);
    return new Map(reported.map(({ name }) => [name, this.show(name)]));
  }

  get textSettings(): TextSettings {
    this.#textSettings ??= {
      timeZone: this.show("TimeZone"),
      extraFloatDigits: Number(this.show("extra_float_digits")),
      byteaOutput: this.show("bytea_output") === "escape" ? "escape" : "hex",
    };
    return this.#textSettings;
  }

  get readsStale(): boolean {
    return this.show("synod.read_consistency") === "stale";
  }

  /** Whether the transaction may change nothing. */
  get isReadOnly(): boolean {
    this.#isReadOnly ??= this.show("transaction_read_only") === "on";
    return this.#isReadOnly;
  }

  /** Milliseconds; 0: no bound. */
  get maxStalenessMs(): number {
    return parseMilliseconds(this.show("synod.max_staleness")) ?? 0;
  }

  /** A transaction's modes are those of the session where it has no own. */
  #usual(name: string, definition: SettingDefinition | null): string | undefined {
    const mode = /^transaction_(isolation|read_only|deferrable)$/i.exec(name)?.[1];
    return mode === undefined ? definition?.initial : this.show(`default_transaction_${mode}`);
  }

  #changed(): void {
    this.#version += 1;
    this.#textSettings = null;
    this.#isReadOnly = null;
  }

  /** Null: a name with a dot, which may be set freely as in PostgreSQL. */
  #definition(name: string): SettingDefinition | null {
    const definition = settingDefinitions.get(name.toLowerCase());
    if (definition !== undefined) return definition;
    if (name.includes(".") && !name.toLowerCase().startsWith("synod.")) return null;
    throw new SqlError("42704", `unrecognized configuration parameter "${name}"`);
  }
}
