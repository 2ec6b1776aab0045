/** Choosing the next token from logits. @module */

import { hash32 } from "../../src/core/random.ts";
import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import code from "./choose_token.wgsl" with { type: "text" };

/** Logits for which a row gives, instead of a token, 2^32 - 1 minus the index here. */
const notFinite = [NaN, Infinity, -Infinity];

/** The logit that is not finite which a row gave instead of a token; `undefined` for a token. */
export function wrongLogitOf(id: number): number | undefined {
  return notFinite[0xffffffff - id];
}

/** Threads per row on WebGPU: few for a short row, as they have to agree in the end. */
function threadsFor(vocabulary: number): number {
  return vocabulary > 4096 ? 256 : 64;
}

/**
 * ids[i] = the largest logit's index in row i at temperature 0; otherwise a sample of softmax(logits /
 * temperature) among the `kept` largest logits. Of equal logits the first counts as larger.
 *
 * The sample is the winner of a race: token j has the score e^((logit_j - largest) / temperature) / E_j,
 * where E_j is standard exponential from hash32(seed, i · vocabulary + j), and the largest score is
 * softmax distributed. So nothing is sorted or summed, and rounding decides only between scores as
 * close as that: a seed gives the same tokens on every device.
 *
 * A row with a logit that is not finite gives what {@link wrongLogitOf} tells of the first of them.
 */
export const chooseTokenKernel: Kernel<
  "logits" | "ids",
  "rows" | "vocabulary" | "temperature" | "kept" | "seed"
> = defineKernel({
  name: "choose_token",
  bindings: { logits: f32.read, ids: u32.write },
  scalars: { rows: "u32", vocabulary: "u32", temperature: "f32", kept: "u32", seed: "u32" },
  elements: ({ rows, vocabulary }) => ({ logits: rows * vocabulary, ids: rows }),
  wgsl: {
    code,
    constants: ({ vocabulary }) => ({ threads: threadsFor(vocabulary) }),
    workgroups: ({ rows }) => rows,
  },
  cpu: { units: ({ rows }) => rows, grain: ({ vocabulary }) => ceilDivide(16384, vocabulary) },
  reference({ logits, ids }, { rows, vocabulary, temperature, kept, seed }) {
    for (let row = 0; row < rows; row++) {
      const at = row * vocabulary;
      const values = Array.from({ length: vocabulary }, (_, j) => logits[at + j]);
      const noise = (id: number) => exponentialOf(hash32(seed, at + id));
      ids[row] = chosenOf(values, temperature, kept, noise);
    }
  },
});

function chosenOf(
  values: readonly number[],
  temperature: number,
  kept: number,
  noise: (id: number) => number,
): number {
  const wrong = values.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) {
    return 0xffffffff - notFinite.findIndex((value) => Object.is(value, wrong));
  }
  const order = [...values.keys()].sort((a, b) => values[b] - values[a] || a - b);
  if (temperature === 0) return order[0];
  const weight = (id: number) => Math.exp((values[id] - values[order[0]]) / temperature);
  const scores = new Map(order.slice(0, kept).map((id) => [id, weight(id) / noise(id)]));
  return order.slice(0, kept).reduce((a, b) => scores.get(b)! > scores.get(a)! ? b : a);
}

/** A standard exponential number from 32 uniform bits. */
function exponentialOf(bits: number): number {
  return -Math.log1p(-(bits + 0.5) / 2 ** 32);
}
