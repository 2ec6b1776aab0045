/** The cases of `deno task bench:real`, and how they are chosen. @module */

import { countOf } from "./command.ts";

/** A model and what is done with it. */
export interface RealCase {
  /** `smollm2-lora-e2e`. */
  readonly name: string;
  /** The folder that all contenders load, by its name: `smollm2`, `smollm2-half` with its matrices in bf16. */
  readonly model: string;
  /** `lora-e2e`: what contenders are told to do. */
  readonly workload: string;
  /** The texts that its batches are made of; without, its tokens are a hash and each step has the same. */
  readonly texts?: TextsName;
}

/** Texts that batches are made of. */
export type TextsName = "e2e" | "trec";

const workloads: Readonly<Record<string, readonly string[]>> = {
  smollm2: ["forward", "lora", "lora-e2e", "lora-e2e-half", "full-e2e"],
  gpt2: ["forward", "lora", "lora-e2e", "lora-e2e-half", "full-e2e"],
  minilm: ["lora-trec", "full-trec"],
};

/** All cases, in the order of the table. */
export const realCases: readonly RealCase[] = Object.entries(workloads).flatMap(([model, names]) =>
  names.map((workload) => ({
    name: `${model}-${workload}`,
    model: workload.endsWith("-half") ? `${model}-half` : model,
    workload,
    texts: (["e2e", "trec"] as const).find((texts) => workload.includes(`-${texts}`)),
  }))
);

/**
 * The number of rounds and the cases that are named, or all.
 *
 * @throws {RangeError} when a count or a name is none.
 */
export function parseArguments([rounds = "2", ...names]: readonly string[]) {
  const call = "bench:real [ROUNDS] [CASE…]";
  if (!/^-?[\d.]+$/.test(rounds)) {
    throw new RangeError(`usage: ${call}, found ${JSON.stringify(rounds)} for ROUNDS`);
  }
  const missing = names.find((name) => !realCases.some((one) => one.name === name));
  if (missing !== undefined) {
    const known = realCases.map(({ name }) => name).join(", ");
    throw new RangeError(`a case is one of ${known}, found ${missing}`);
  }
  const chosen = realCases.filter(({ name }) => names.length === 0 || names.includes(name));
  return { rounds: countOf("ROUNDS", rounds), chosen };
}
