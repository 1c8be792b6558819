/** All work whose crash states are enumerated. */
import type { CrashScenario } from "./enumerate.ts";
import { METADATA_SCENARIOS } from "./metadata-scenarios.ts";
import { nodeScenarios } from "./node-scenarios.ts";
import { SNAPSHOT_SCENARIOS } from "./snapshot-scenarios.ts";
import { WAL_SCENARIOS } from "./wal-scenarios.ts";

export async function allScenarios(): Promise<readonly CrashScenario[]> {
  return [
    ...WAL_SCENARIOS,
    ...METADATA_SCENARIOS,
    ...SNAPSHOT_SCENARIOS,
    ...(await nodeScenarios()),
  ];
}
