/**
 * A second kind of weight: F16 storage, widened where it is used. That nothing above `nn/` notices shows
 * that nothing there reads a weight's buffer.
 *
 * @module
 */

import { widenF16 } from "../../kernels/float16/kernel.ts";
import type { Contribution } from "../../src/autograd/mod.ts";
import { DenseWeight, type Weight } from "../../src/nn/mod.ts";
import { Parameter } from "../../src/autograd/mod.ts";
import { float32ToFloat16 } from "../../src/core/float16.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Shape } from "../../src/core/shape.ts";
import type { Device, Tensor } from "../../src/device/device.ts";

/** A frozen matrix in F16. */
export class HalfWeight implements Weight, Disposable {
  readonly name: string;
  readonly #half: Tensor;

  /** Rounds the values to F16. */
  constructor(device: Device, name: string, { shape, data }: HostTensor) {
    this.name = name;
    this.#half = device.allocate(shape, "f16", "weight", name);
    device.write(this.#half, float32ToFloat16(Float32Array.from(data)));
  }

  get shape(): Shape {
    return this.#half.shape;
  }

  get bytes(): number {
    return this.#half.bytes;
  }

  multiply(x: Tensor, y: Tensor, bias?: Tensor): void {
    using dense = this.dense("scratch");
    new DenseWeight(new Parameter(this.name, dense)).multiply(x, y, bias);
  }

  multiplyTransposed(dy: Tensor, dx: Contribution): void {
    using dense = this.dense("scratch");
    new DenseWeight(new Parameter(this.name, dense)).multiplyTransposed(dy, dx);
  }

  dense(role: "weight" | "scratch" = "weight"): Tensor {
    const { device, shape, size } = this.#half;
    const out = device.allocate(shape, "f32", role, `${this.name} widened`);
    device.launch(widenF16, { x: this.#half, y: out }, { size });
    return out;
  }

  [Symbol.dispose](): void {
    this.#half[Symbol.dispose]();
  }
}
