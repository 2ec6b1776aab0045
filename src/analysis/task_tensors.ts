/** What PEFT's `merge_utils` does with the tensors of several tasks, in float64. @module */

/** A tensor's values. */
export type TaskValues = Float64Array<ArrayBuffer>;

/** How TIES elects a sign. */
export type MajoritySign = "total" | "frequency";

/** Σ wᵢ tᵢ. */
export function weightedSum(
  tensors: readonly TaskValues[],
  weights: readonly number[],
): TaskValues {
  const sum = new Float64Array(tensors[0].length);
  tensors.forEach((tensor, i) => {
    for (let at = 0; at < sum.length; at++) sum[at] += weights[i] * tensor[at];
  });
  return sum;
}

/** The values of the largest magnitudes, ⌊density · size⌋ of them, and zeros; the first ones among equals. */
export function pruned(tensor: TaskValues, density: number): TaskValues {
  if (density >= 1) return tensor;
  const count = Math.floor(density * tensor.length), out = new Float64Array(tensor.length);
  if (count === 0) return out;
  const magnitudes = tensor.map(Math.abs), edge = magnitudes.toSorted()[tensor.length - count];
  let equal = count - magnitudes.reduce((above, value) => above + Number(value > edge), 0);
  for (let at = 0; at < out.length; at++) {
    if (magnitudes[at] > edge || magnitudes[at] === edge && equal-- > 0) out[at] = tensor[at];
  }
  return out;
}

/** Each value over the density with that probability, or zero: the expectation is the tensor (Yu et al. 2024). */
export function dropped(tensor: TaskValues, density: number, draw: () => number): TaskValues {
  return density >= 1 ? tensor : tensor.map((value) => draw() < density ? value / density : 0);
}

/**
 * The mean of wᵢ tᵢ over those that have the elected sign: that of Σ tᵢ, or of the majority (Yadav et al. 2023,
 * steps 2 and 3). Signs are elected without the weights, as in PEFT.
 */
export function ties(
  tensors: readonly TaskValues[],
  weights: readonly number[],
  sign: MajoritySign = "total",
): TaskValues {
  const vote = sign === "total" ? (value: number) => value : Math.sign;
  return new Float64Array(tensors[0].length).map((_, at) => {
    const votes = tensors.reduce((sum, tensor) => sum + vote(tensor[at]), 0);
    const elected = votes >= 0 ? 1 : -1;
    let sum = 0, count = 0;
    tensors.forEach((tensor, i) => {
      if (Math.sign(tensor[at]) !== elected) return;
      sum += weights[i] * tensor[at];
      count++;
    });
    return sum / Math.max(1, count);
  });
}
