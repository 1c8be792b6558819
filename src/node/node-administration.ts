import type { StateMachine } from "../machine/state-machine.ts";
import type { Compaction } from "./compaction.ts";
import type { MemberQuestion, Members } from "./members.ts";
import type { Administration, AdminResult } from "./status.ts";

/** What an operator may ask of this node; it finds the leader by itself. */
export class NodeAdministration implements Administration {
  readonly #members: Members;
  readonly #compaction: Compaction;
  readonly #machine: StateMachine;

  constructor(members: Members, compaction: Compaction, machine: StateMachine) {
    this.#members = members;
    this.#compaction = compaction;
    this.#machine = machine;
  }

  removeMember(name: string): Promise<AdminResult> {
    return this.#change("remove", name, `${name} is no longer a member; stop it if it still runs`);
  }

  promoteMember(name: string): Promise<AdminResult> {
    return this.#change("promote", name, `${name} has a vote now`);
  }

  async takeSnapshot(): Promise<AdminResult> {
    try {
      const index = await this.#compaction.take();
      return { ok: true, message: `the snapshot covers everything up to slot ${index}` };
    } catch (error) {
      return { ok: false, message: `no snapshot was taken: ${String(error)}` };
    }
  }

  contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return this.#machine.contentHash();
  }

  async #change(
    action: MemberQuestion["action"],
    name: string,
    message: string,
  ): Promise<AdminResult> {
    const addresses = { incarnation: "", peer: "", sql: "" };
    const result = await this.#members.request({ action, name, ...addresses });
    return { ok: result.ok, message: result.ok ? message : result.reason };
  }
}
