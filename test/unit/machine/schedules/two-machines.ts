import { InProcessMachine } from "../../../../src/machine/in-process-machine.ts";
import { Machine } from "../../../../src/machine/machine.ts";
import type { SpeculationRequest, SpeculationResult } from "../../../../src/machine/speculation.ts";
import type { AppliedEntry, ApplyReport } from "../../../../src/machine/state-machine.ts";

/** Two machines over one directory, of which one has the files (writer.ts). */
export class TwoMachines {
  readonly #options: { readonly directory: string; readonly node: number };
  #working: Machine;
  #resting: Machine;

  constructor(directory: string, node: number) {
    this.#options = { directory, node };
    const options = { directory, node, durability: "none" } as const;
    this.#working = new Machine(options);
    this.#resting = new Machine({ ...options, isNear: true });
    this.#working.open();
  }

  /** What is asked from now on is asked of the other one. */
  handOver(): void {
    this.#resting.takeOver(this.#working.handOver());
    [this.#working, this.#resting] = [this.#resting, this.#working];
  }

  apply(entries: readonly AppliedEntry[]): ApplyReport {
    return this.#working.applyIfShort(entries) ?? this.#working.apply(entries);
  }

  speculate(request: SpeculationRequest): SpeculationResult {
    return this.#working.speculate(request);
  }

  endTransaction(database: number, transaction: number): void {
    this.#working.endTransaction(database, transaction);
  }

  /** Closes both and answers one over the same files. */
  async finish(): Promise<InProcessMachine> {
    this.#resting.closeFiles();
    this.#working.close();
    const machine = new InProcessMachine({ ...this.#options, durability: "none" });
    await machine.open();
    return machine;
  }
}
