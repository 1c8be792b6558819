/**
 * The production core with its walls made of glass: src/paxos, compiled from the very same sources,
 * but with each `#private` member as an ordinary property `$private`. So that a replica can be
 * copied and compared from outside, which no search through its states could do without.
 *
 * Only the names change: the syntax tree says which tokens are private names, and nothing else is
 * touched. test/sim/exhaustive.test.ts drives both with the same inputs and compares the effects.
 *
 * A mutant is one piece of source text replaced by another before that; it must occur exactly once.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import type { Ballot } from "../../src/paxos/ballot.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects } from "../../src/paxos/effects.ts";
import type { Input } from "../../src/paxos/inputs.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { ReplicaStatus } from "../../src/paxos/replica-status.ts";
import type { NodeId, Slot } from "../../src/paxos/types.ts";

/** One deliberate defect: `find` in `file` (below src/) becomes `replace`. */
export interface Defect {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Held {
  readonly after: number;
  readonly to: NodeId;
  readonly message: Message;
}

/** What the search looks at directly; all else it only copies and compares. */
export interface GlassReplica {
  readonly $outbox: { $sequence: number; $durableSequence: number; $held: Map<string, Held> };
  readonly $proposer: {
    readonly ballot: Ballot;
    readonly $nextSlot: Slot;
    readonly $promises: { readonly $complete: ReadonlySet<NodeId> };
    readonly $inFlight: ReadonlyMap<Slot, { readonly votes: ReadonlySet<NodeId> }>;
  } | null;
  readonly $log: { readonly chosenIndex: Slot };
  step(input: Input): void;
  drain(): Effects;
  status(): ReplicaStatus;
}

export type MakeReplica = (config: ReplicaConfig, initial: InitialState) => GlassReplica;

/** Compiles and loads a core of its own, with `defects` in it. */
export async function loadCore(defects: readonly Defect[] = []): Promise<MakeReplica> {
  const directory = mkdtempSync(join(tmpdir(), "synod-core-"));
  try {
    writeFileSync(join(directory, "package.json"), '{"type":"module"}');
    const entry = compileAll(directory, defects);
    const url = pathToFileURL(entry).href;
    const loaded = (await import(/* @vite-ignore */ url)) as {
      Replica: new (config: ReplicaConfig, initial: InitialState) => GlassReplica;
    };
    return (config, initial) => new loaded.Replica(config, initial);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Compiles src/paxos/replica.ts and all that it imports; returns the compiled replica's path. */
function compileAll(directory: string, defects: readonly Defect[]): string {
  const src = join(projectRoot(), "src");
  const open = [join(src, "paxos", "replica.ts")];
  const done = new Set<string>();
  const unused = new Set(defects);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (done.has(path)) continue;
    done.add(path);
    const name = relative(src, path);
    let text = readFileSync(path, "utf8");
    for (const defect of defects.filter(({ file }) => file === name)) {
      text = replaceOnce(text, defect);
      unused.delete(defect);
    }
    const target = join(directory, name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compile(withoutPrivateNames(name, text)));
    for (const imported of ts.preProcessFile(text).importedFiles) {
      if (!imported.fileName.startsWith(".")) {
        throw new Error(`${name} imports ${imported.fileName}: the core is to be pure`);
      }
      open.push(join(dirname(path), imported.fileName));
    }
  }
  if (unused.size > 0) throw new Error("a defect names a file that the core does not use");
  return join(directory, "paxos", "replica.js");
}

function replaceOnce(text: string, { file, find, replace }: Defect): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`the text to be replaced occurs ${parts.length - 1} times in ${file}: ${find}`);
  }
  return parts.join(replace);
}

/** The same program with `$name` for each `#name`. */
export function withoutPrivateNames(name: string, text: string): string {
  if (/\$[A-Za-z_]/.test(text)) throw new Error(`${name} has names with $ of its own`);
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2023, true);
  const starts: number[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPrivateIdentifier(node)) {
      if (ts.isBinaryExpression(node.parent)) throw new Error(`${name} asks whether #x is in y`);
      starts.push(node.getStart(source));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  let renamed = "";
  let from = 0;
  for (const start of starts) {
    renamed += `${text.slice(from, start)}$`;
    from = start + 1;
  }
  return renamed + text.slice(from);
}

/** Mutants share all files but one. */
const compiled = new Map<string, string>();

function compile(text: string): string {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  compiled.set(text, outputText);
  return outputText;
}

/** Tests run from their sources or, compiled, from below dist/. */
function projectRoot(): string {
  let directory = import.meta.dirname;
  while (dirname(directory) !== directory) {
    try {
      readFileSync(join(directory, "tsconfig.json"));
      return directory;
    } catch {
      directory = dirname(directory);
    }
  }
  throw new Error("no tsconfig.json above this file: where are the sources?");
}
