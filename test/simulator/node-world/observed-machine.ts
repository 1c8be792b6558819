/** A state machine whose applies the oracles see. */
import type { AppliedEntry, ApplyReport } from "../../../src/machine/state-machine.ts";
import type { SimulatedMachine } from "../../support/simulated-node.ts";

export interface MachineObserver {
  applying(entries: readonly AppliedEntry[]): void;
  applied(report: ApplyReport): void;
}

/** The same machine, with `apply` observed. */
export function observed(machine: SimulatedMachine, observer: MachineObserver): SimulatedMachine {
  const apply = machine.apply.bind(machine);
  machine.apply = async (entries) => {
    observer.applying(entries);
    const report = await apply(entries);
    observer.applied(report);
    return report;
  };
  return machine;
}
