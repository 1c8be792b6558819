import { FaultLedger } from "../fault-ledger.ts";
import type { WorldOptions } from "../world.ts";

/** Tells of every fault that strikes, with its number. */
export class TracedLedger extends FaultLedger {
  readonly #onStrike: (fault: string, number: number) => void;

  constructor(options: WorldOptions, onStrike: (fault: string, number: number) => void) {
    super(options);
    this.#onStrike = onStrike;
  }

  override strikes(fault: string): boolean {
    if (!super.strikes(fault)) return false;
    this.#onStrike(fault, this.faults);
    return true;
  }
}
