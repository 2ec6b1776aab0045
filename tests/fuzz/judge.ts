/** Judge of the package's answer to an input: read correctly, or refused in a sentence. @module */

import process from "node:process";
import { type Files, type Kind, Unsound } from "./kind.ts";

/** Result of one input. */
export interface Verdict {
  /** The sentence by which it was refused; undefined if it was accepted. */
  readonly refusal?: string;
  /** Milliseconds of CPU time, to which other programs do not add. */
  readonly ms: number;
}

/** A fault of the package: it crashes, takes long, accepts nonsense, or gives no sentence. */
export class Find extends Error {
  override name = "Find";
}

/** The most CPU time that any input may take, in milliseconds; the usual one takes less than 5. */
const mostMs = 1000;

/** The longest that it may wait, for a disk or for nothing. */
const mostWaitMs = 10_000;

/**
 * Reads an input and judges what happened.
 *
 * @throws {Find} when it is not as it should be.
 */
export async function judge(kind: Kind, files: Files): Promise<Verdict> {
  const start = performance.now(), first = await attempt(kind, files);
  const waited = performance.now() - start;
  if (waited > mostWaitMs) throw new Find(`it took ${Math.round(waited)} ms`);
  // Once more where it was slow: garbage of the inputs before may be collected in its time.
  const verdict = first.ms > mostMs ? await attempt(kind, files) : first;
  if (verdict.ms > mostMs) throw new Find(`it took ${Math.round(verdict.ms)} ms of CPU time`);
  return verdict;
}

async function attempt(kind: Kind, files: Files): Promise<Verdict> {
  const start = cpuMs();
  try {
    await kind.read(files);
    return { ms: cpuMs() - start };
  } catch (error) {
    const ms = cpuMs() - start;
    if (error instanceof Unsound) throw new Find(error.message, { cause: error });
    const wrong = wrongWith(error, kind);
    if (wrong === undefined) return { refusal: (error as Error).message, ms };
    throw new Find(`${wrong}: ${error}`, { cause: error });
  }
}

/** CPU time of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function wrongWith(error: unknown, { refusals }: Kind): string | undefined {
  if (!(error instanceof Error)) return "it threw what is no error";
  const isKnown = refusals.some((known) => error.constructor === known);
  if (!isKnown) return `it threw ${error.constructor.name}`;
  return wrongWithSentence(error.message);
}

/** Messages of the JavaScript engine, which tell a user nothing about a file. */
const engine =
  /Cannot (read|set|convert|destructure|mix|assign)|is not (iterable|a function|a constructor|an object|extensible)|Maximum call stack|[Ii]nvalid (array|typed array|string|array buffer|count|regular)|allocation failed|[Oo]ut of memory|is not defined|circular|offset is out of bounds|Reduce of empty|at position \d+ at /;

/** Traces of a forgotten value in a template. */
const forgotten = /\bundefined\b|\[object \w+\]|\bNaN of\b|\n\s+at |file:\/\//;

/** Characters that move a terminal's cursor or turn its text around. */
// deno-lint-ignore no-control-regex -- these are what must not be there
const control = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/;

/** Fault of an error's message, or undefined. */
export function wrongWithSentence(message: string): string | undefined {
  if (engine.test(message)) return "it threw the engine's own error";
  if (forgotten.test(message)) return "its sentence has a value that was forgotten";
  if (control.test(message.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) {
    return "its sentence has control characters";
  }
  if (message.length > 1000) return `its sentence has ${message.length} characters`;
  if (message.length < 10 || message.endsWith(".")) return "its message is no sentence";
}
