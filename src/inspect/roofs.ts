/** What a device does at best: the highest speeds of its arithmetic and of its memory. @module */

import { addKernel } from "../../kernels/mod.ts";
import { matrix, multiply } from "../autograd/ops/product.ts";
import type { Scope } from "../device/mod.ts";

/** The speeds that a step is compared with. */
export interface Roofs {
  /** Multiplications and additions a ms, of a square product of 1,024. */
  readonly flops: number;
  /** Bytes a ms, of a sum of two vectors of 32 MiB. */
  readonly bytes: number;
}

const side = 1024, length = 2 ** 23;

/**
 * Allocates a product and a sum in a scope, and returns what times each once more: the best so far. One measurement
 * may share the machine with other work, so a profile takes one beside each of its rounds.
 */
export function roofMeter(scope: Scope): () => Promise<Roofs> {
  const product = productIn(scope), sum = sumIn(scope);
  let best: Roofs = { flops: 0, bytes: 0 };
  return async () => {
    const { launches: [first, second] } = await scope.device.trace(() => {
      product();
      sum();
    });
    const flops = Math.max(best.flops, 2 * side ** 3 / first.time);
    const bytes = Math.max(best.bytes, 3 * 4 * length / second.time);
    return best = { flops, bytes };
  };
}

function productIn(scope: Scope): () => void {
  const [a, b, c] = ["a", "b", "c"].map((label) => ones(scope, [side, side], label));
  return () => multiply(matrix(a), matrix(b), matrix(c), { m: side, n: side, k: side });
}

function sumIn(scope: Scope): () => void {
  const [a, b, out] = ["a", "b", "out"].map((label) => ones(scope, [length], label));
  return () => scope.device.launch(addKernel, { a, b, out }, { size: length });
}

function ones(scope: Scope, shape: number[], label: string) {
  const tensor = scope.allocate(shape, "f32", "scratch", label);
  scope.device.write(tensor, new Float32Array(tensor.size).fill(1));
  return tensor;
}
