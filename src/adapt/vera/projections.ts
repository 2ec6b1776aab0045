/** The random matrices that all layers of a VeRA adapter share. @module */

import { fill } from "../../../kernels/elementwise/kernel.ts";
import type { HostData } from "../../core/host_tensor.ts";
import { TorchGenerator } from "../../core/torch_generator.ts";
import { Arena } from "../../device/arena.ts";
import type { Device, Tensor } from "../../device/device.ts";

/** Extents of the shared matrices. */
export interface ProjectionShape {
  /** r. */
  readonly rank: number;
  /** Columns of A: the most inputs that an adapted layer has. */
  readonly inputs: number;
  /** Rows of B: the most outputs that an adapted layer has. */
  readonly outputs: number;
}

/** Values of the shared matrices. */
export interface ProjectionValues {
  /** A, (rank, inputs). */
  readonly A: HostData;
  /** B, (outputs, rank). */
  readonly B: HostData;
}

/**
 * A (r, inputs) and B (outputs, r), frozen; a layer uses the first columns of A and the first rows of B.
 * Cost: 4 · r · (inputs + outputs) bytes of role `weight`, and 4 · max(outputs, r) of ones, once for all layers.
 */
export class VeraProjections implements Disposable {
  /** Their extents. */
  readonly shape: ProjectionShape;
  /** A, (rank, inputs). */
  readonly A: Tensor;
  /** B, (outputs, rank). */
  readonly B: Tensor;
  readonly #ones: Tensor;
  readonly #arena: Arena;

  /** Allocates and writes them. */
  constructor(device: Device, shape: ProjectionShape, values: ProjectionValues) {
    const { rank, inputs, outputs } = shape,
      entries = [
        { name: "A", shape: [rank, inputs] },
        { name: "B", shape: [outputs, rank] },
        { name: "ones", shape: [Math.max(outputs, rank)] },
      ];
    this.shape = shape;
    this.#arena = new Arena(device, entries, "weight", "VeRA projections");
    [this.A, this.B, this.#ones] = entries.map(({ name }) => this.#arena.view(name));
    device.write(this.A, values.A);
    device.write(this.B, values.B);
    device.launch(fill, { y: this.#ones }, { size: this.#ones.size, value: 1 });
  }

  /** The first rows of B. */
  rowsOfB(count: number): Tensor {
    return this.B.view([count, this.shape.rank]);
  }

  /** Divisors of kernels that scale by quotients. */
  ones(count: number): Tensor {
    return this.#ones.view([count]);
  }

  /** Frees them. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/**
 * The values that PEFT draws from its `projection_prng_key`, bit for bit: Kaiming's uniform with a gain of √2
 * (Kopiczko et al. 2024, section 3.3), A with a fan-in of its columns, then B with one of r.
 *
 * @throws {RangeError} when the key is not a whole number in [0, 2^32).
 */
export function drawProjections(
  key: number,
  { rank, inputs, outputs }: ProjectionShape,
): ProjectionValues {
  const generator = new TorchGenerator(key);
  const draw = (fanIn: number, count: number) =>
    generator.uniformWithin(Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(fanIn)), count);
  return { A: draw(inputs, rank * inputs), B: draw(rank, outputs * rank) };
}
