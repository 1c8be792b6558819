/** Hunts one mutant from one seed on, in a process of its own. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { HuntLine } from "./hunt.ts";
import type { Mutant, WorldName } from "./mutant.ts";
import { PlantedBuild } from "./planted-build.ts";

export type Verdict =
  /** `seeds`: how many were run, the one that noticed included. */
  | {
      readonly kind: "killed";
      readonly seed: number;
      readonly seeds: number;
      readonly invariant: string;
      readonly facts: readonly string[];
    }
  | { readonly kind: "survived"; readonly seeds: number };

/** A seed that takes longer never ends: the mutant made the world spin. */
const SEED_MS_MAX = 120_000;
const STDERR_CHARS = 2_000;
/** Mistakes in how the mutant was written, rather than what it stands for. */
const BROKEN = /\b(TypeError|ReferenceError|SyntaxError|ERR_MODULE_NOT_FOUND)\b/;

/** Hunts in `build` and leaves it there. */
export async function hunt(
  build: PlantedBuild,
  options: { world: WorldName; first: number; seedsMax: number },
): Promise<Verdict> {
  const program = build.pathOf("test/mutants/hunt.ts");
  const args = [program, options.world, String(options.first), String(options.seedsMax)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS);
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const watch = { spins: false };
  const watchdog = setTimeout(() => {
    watch.spins = true;
    child.kill("SIGKILL");
  }, SEED_MS_MAX);
  let seeds = 0;
  let loaded = false;
  let last: HuntLine | null = null;
  for await (const text of createInterface({ input: child.stdout })) {
    last = JSON.parse(text) as HuntLine;
    watchdog.refresh();
    if (last.kind === "loaded") loaded = true;
    if (last.kind !== "passed") continue;
    seeds += 1;
  }
  await ended;
  clearTimeout(watchdog);
  if (last?.kind === "exhausted") return { kind: "survived", seeds };
  if (last?.kind === "noticed") {
    const { invariant, facts } = last;
    return checked({ kind: "killed", seed: last.seed, seeds: seeds + 1, invariant, facts });
  }
  if (!loaded) throw new Error(`the world could not be loaded:\n${stderr}`);
  const invariant = watch.spins
    ? "R: a seed comes to its end"
    : "Q: the process of the world goes on";
  const seed = options.first + seeds;
  return checked({ kind: "killed", seed, seeds: seeds + 1, invariant, facts: [stderr] });
}

/**
 * Hunts a mutant in a build of its own, from each of `starts` on. A seed that `sound`, the build
 * without a mutant, does not pass proves nothing of the mutant: throws then.
 */
export async function kill(
  mutant: Mutant,
  starts: readonly number[],
  sound: PlantedBuild | null = null,
): Promise<Verdict[]> {
  const { world, seedsMax } = mutant;
  const build = PlantedBuild.create(mutant.patches);
  try {
    const verdicts: Verdict[] = [];
    for (const first of starts) {
      const verdict = await hunt(build, { world, first, seedsMax });
      if (verdict.kind === "killed" && sound !== null) await pass(sound, world, verdict.seed);
      verdicts.push(verdict);
    }
    return verdicts;
  } finally {
    build.remove();
  }
}

/** Throws unless a build passes these seeds. */
export async function pass(
  build: PlantedBuild,
  world: WorldName,
  first: number,
  seedsMax = 1,
): Promise<void> {
  const verdict = await hunt(build, { world, first, seedsMax });
  if (verdict.kind === "survived") return;
  const { seed, invariant, facts } = verdict;
  throw new Error(
    `the sound build fails in the world ${world}, seed ${seed}: ${[invariant, ...facts].join("\n")}`,
  );
}

function checked(verdict: Extract<Verdict, { kind: "killed" }>): Verdict {
  const broken = verdict.facts.find((fact) => BROKEN.test(fact));
  if (broken !== undefined) throw new Error(`the mutant does not run:\n${broken}`);
  return verdict;
}
