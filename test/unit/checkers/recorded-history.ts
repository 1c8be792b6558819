/** Reads the recorded histories of test/data/histories (see its README) into our form. */
import type { Operation } from "../../checkers/history.ts";
import type { KeyValueInput, KeyValueOutput } from "../../checkers/models/key-value.ts";
import type { RegisterInput, RegisterOutput } from "../../checkers/models/register.ts";

type Answer<Output> =
  | { readonly kind: "ok"; readonly output: Output }
  /** Proved to have done nothing. */
  | { readonly kind: "failed" }
  | { readonly kind: "unknown" };

/** Builds operations out of invocations and answers, whose time is their line. */
class Recorder<Input, Output> {
  readonly operations: Operation<Input, Output>[] = [];
  readonly #open = new Map<number, { input: Input; invokedAt: number }>();

  invoke(process: number, input: Input, invokedAt: number): void {
    this.#open.set(process, { input, invokedAt });
  }

  answer(process: number, answer: Answer<Output>, at: number): void {
    const open = this.#open.get(process);
    if (open === undefined) throw new Error(`line ${at}: process ${process} has invoked nothing`);
    this.#open.delete(process);
    this.operations.push({
      process,
      node: "recorded",
      ...open,
      outcome: answer.kind,
      output: answer.kind === "ok" ? answer.output : null,
      completedAt: answer.kind === "unknown" ? Infinity : at,
    });
  }

  /** Whoever never got an answer may have had its effect. */
  end(): readonly Operation<Input, Output>[] {
    for (const process of this.#open.keys()) this.answer(process, { kind: "unknown" }, Infinity);
    return this.operations;
  }
}

const LOG_LINE = /(\d+)\t:(invoke|ok|fail|info)\t:(read|write|cas)\t(.*)$/;

/** A Jepsen log of one register. */
export function parseRegisterLog(
  text: string,
): readonly Operation<RegisterInput, RegisterOutput>[] {
  const recorder = new Recorder<RegisterInput, RegisterOutput>();
  for (const [at, line] of text.split("\n").entries()) {
    const match = LOG_LINE.exec(line);
    if (match === null) continue;
    const [, process = "", type = "", name = "", argument = ""] = match;
    if (type === "invoke") recorder.invoke(Number(process), registerInput(name, argument), at);
    else recorder.answer(Number(process), registerAnswer(type, name, argument), at);
  }
  return recorder.end();
}

function registerInput(name: string, argument: string): RegisterInput {
  if (name === "read") return { kind: "read", key: "r" };
  const [first = 0, second = 0] = argument.match(/\d+/g)?.map(Number) ?? [];
  return name === "write"
    ? { kind: "write", key: "r", value: first }
    : { kind: "cas", key: "r", expected: first, value: second };
}

function registerAnswer(type: string, name: string, argument: string): Answer<RegisterOutput> {
  if (type === "info") return { kind: "unknown" };
  if (name === "cas") return { kind: "ok", output: { kind: "cas", swapped: type === "ok" } };
  if (type === "fail") return { kind: "failed" };
  if (name === "write") return { kind: "ok", output: { kind: "written" } };
  const value = argument.trim() === "nil" ? null : Number(argument);
  return { kind: "ok", output: { kind: "read", value } };
}

const KEY_VALUE_LINE =
  /:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "([^"]*)", :value (?:nil|"([^"]*)")/;

export function parseKeyValueLog(
  text: string,
): readonly Operation<KeyValueInput, KeyValueOutput>[] {
  const recorder = new Recorder<KeyValueInput, KeyValueOutput>();
  for (const [at, line] of text.split("\n").entries()) {
    const match = KEY_VALUE_LINE.exec(line);
    if (match === null) continue;
    const [, process = "", type = "", name = "", key = "", value = ""] = match;
    if (type === "ok") recorder.answer(Number(process), { kind: "ok", output: value }, at);
    else recorder.invoke(Number(process), keyValueInput(name, key, value), at);
  }
  return recorder.end();
}

function keyValueInput(name: string, key: string, value: string): KeyValueInput {
  if (name === "get") return { kind: "get", key };
  return name === "put" ? { kind: "put", key, value } : { kind: "append", key, value };
}
