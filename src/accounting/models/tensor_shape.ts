/** The tensors of a model as names and extents. @module */

/** One tensor of a model, as its file holds it. */
export interface TensorShape {
  /** Its Hugging Face name. */
  readonly name: string;
  /** Extents, outermost first; linear weights are (out, in), GPT-2's Conv1D (in, out). */
  readonly shape: readonly number[];
}

/** `<module>.weight`. */
export function weight(module: string, ...shape: number[]): TensorShape {
  return { name: `${module}.weight`, shape };
}

/** `<module>.bias`. */
export function bias(module: string, width: number): TensorShape {
  return { name: `${module}.bias`, shape: [width] };
}

/** A linear layer with a bias. */
export function linear(module: string, outputs: number, inputs: number): TensorShape[] {
  return [weight(module, outputs, inputs), bias(module, outputs)];
}

/** A layer norm with a bias. */
export function norm(module: string, width: number): TensorShape[] {
  return [weight(module, width), bias(module, width)];
}

/** Far above any model, and few enough to be listed. */
const mostLayers = 10_000;

/**
 * `count` layers, of which `layer` gives the tensors by index.
 *
 * @throws {RangeError} when there are more than 10,000.
 */
export function layers(count: number, layer: (index: number) => TensorShape[]): TensorShape[] {
  if (count > mostLayers) {
    throw new RangeError(`a model may have up to ${mostLayers} layers here, found ${count}`);
  }
  return Array.from({ length: count }, (_, index) => layer(index)).flat();
}

/** How many values they hold. */
export function countParameters(tensors: Iterable<TensorShape>): number {
  let total = 0;
  for (const { shape } of tensors) total += shape.reduce((product, extent) => product * extent, 1);
  return total;
}
