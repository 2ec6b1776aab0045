/** DoRA: a low-rank direction with a magnitude of its own. @module */

import { rowNorms, scaleRows } from "../../../kernels/column_scaling/kernel.ts";
import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Weight } from "../../autograd/weight.ts";
import { countRows } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";
import { copyTensor } from "../copy_tensor.ts";
import type { Site } from "../sites.ts";
import { magnitudeChange } from "./magnitude.ts";
import { type LoraSettings, LoraSite } from "./lora_site.ts";

/**
 * W' = m · V / ‖V‖, row by row, with V = W + scaling · B A (Liu et al. 2024, equation 5). The norm is a
 * constant for the gradients, as in their section 4.3 and in PEFT. With B = 0 and m = ‖W‖ it changes nothing.
 *
 * Cost beyond LoRA's: a second product with W in both directions, and V while its norms are computed.
 */
export class DoraSite extends LoraSite {
  /** m, `(out)`. */
  readonly magnitude: Parameter;

  /**
   * Joins A, B and m to a layer.
   *
   * @throws {RangeError} when the site does not have all rows of the layer's weight.
   */
  constructor(
    site: Omit<Site, "index">,
    A: Parameter,
    B: Parameter,
    magnitude: Parameter,
    settings: LoraSettings,
  ) {
    super(site, A, B, settings);
    this.magnitude = magnitude;
    if (countRows(site.rows) === site.linear.weight.shape[0]) return;
    throw new RangeError(`DoRA needs sites of all rows of a weight, found ${site.name}`);
  }

  /** A, B, then m. */
  override get parameters(): readonly Parameter[] {
    return [this.A, this.B, this.magnitude];
  }

  /** None: the change is not of low rank. */
  override get lowRank(): undefined {
    return undefined;
  }

  /** y + m / ‖V‖ · V drop(x) − W drop(x). */
  override forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const update = this.update(tape, dropped),
      norms = tape.activation(this.magnitude.shape, "norms");
    this.#writeNorms(norms);
    const { linear: { weight }, magnitude } = this;
    const changed = magnitudeChange(tape, y, { x: dropped, update, weight, magnitude, norms });
    tape.release(update, norms, ...(dropped === x ? [] : [dropped]));
    return changed;
  }

  /**
   * W += m · V / ‖V‖ − W, with the layer's own W on the right: what several adapters change adds up.
   *
   * @throws {RangeError} when the change is to be subtracted.
   */
  override mergeInto(W: Tensor, sign: 1 | -1 = 1): void {
    if (sign < 0) {
      throw new RangeError(`swapping needs adapters of LoRA, found DoRA on ${this.name}`);
    }
    const { device } = W, { shape } = this.magnitude, size = W.size;
    using V = this.#direction();
    using norms = device.allocate(shape, "f32", "scratch", "norms");
    device.launch(rowNorms, { x: V, y: norms }, extentsOf(V));
    using own = this.linear.weight.dense();
    using change = device.allocate(W.shape, "f32", "scratch", `${this.name} change`);
    const scalars = { size, xOffset: 0, yOffset: 0 };
    device.launch(scaleAdd, { x: own, y: change }, { ...scalars, alpha: -1, accumulate: 0 });
    const quotient = { factors: this.magnitude.tensor, divisors: norms };
    device.launch(scaleRows, { x: V, ...quotient, y: change }, { ...extentsOf(V), accumulate: 1 });
    device.launch(scaleAdd, { x: change, y: W }, { ...scalars, alpha: 1, accumulate: 1 });
  }

  /** V = W + scaling · B A. */
  #direction(): Tensor {
    using own = this.linear.weight.dense();
    const V = own.device.allocate(own.shape, "f32", "scratch", `${this.name} direction`);
    copyTensor(own, V);
    super.mergeInto(V);
    return V;
  }

  #writeNorms(norms: Tensor): void {
    using V = this.#direction();
    norms.device.launch(rowNorms, { x: V, y: norms }, extentsOf(V));
  }
}

/** Writes the norms of a weight's rows: the magnitude of a site whose B is zero. */
export function writeRowNorms(weight: Weight, to: Tensor): void {
  using W = weight.dense();
  to.device.launch(rowNorms, { x: W, y: to }, extentsOf(W));
}

const extentsOf = ({ shape: [rows, width] }: Tensor) => ({ rows, width });
