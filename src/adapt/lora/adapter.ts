/** A LoRA adapter on a model: its tensors, its sites, and how it comes off again. @module */

import type { LowRankSite } from "../../autograd/ops/low_rank.ts";
import type { RowRange } from "../../core/row_range.ts";
import { Parameter } from "../../autograd/parameter.ts";
import type { HostData, HostTensor } from "../../core/host_tensor.ts";
import { deltaWeight, type LowRankUpdate } from "../../core/low_rank_update.ts";
import { Arena, type ArenaEntry } from "../../device/arena.ts";
import type { Model } from "../../models/model.ts";
import type { Linear } from "../../nn/linear.ts";
import { freezeBase } from "../freeze.ts";
import { listNames } from "../../core/module_names.ts";
import { addressOf, type Site } from "../sites.ts";
import { saveAdapter, type SaveAdapterOptions } from "./save.ts";

/** One adapted site: ΔW[rows, :] = scaling · B A. */
export interface LoraModule extends LowRankSite {
  /** The site's name: `transformer.h.0.attn.c_attn:q`, or the layer's path for all of its rows. */
  readonly name: string;
  /** Path of the layer. */
  readonly module: string;
  /** The layer. */
  readonly linear: Linear;
  /** r. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
}

/** What {@link LoraAdapter} needs to know of a site before it can make its tensors. */
export interface LoraPlan {
  /** Where. */
  readonly site: Site;
  /** r. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;
  /** Values of A, `(rank, in)`. */
  readonly A: HostData;
  /** Values of B, `(rows.count, rank)`; zeros where there are none. */
  readonly B?: HostData;
}

/**
 * Low-rank updates of some of a model's weights, in force from birth until {@link LoraAdapter.remove}.
 *
 * All A and B lie in one arena of role `adapter`. While any adapter is on a model, the model's own
 * parameters are frozen; several adapters on one model add up. Made by `injectLora` and `loadAdapter`.
 */
export class LoraAdapter implements Disposable {
  /** The model that it was made for. */
  readonly model: Model;
  /** The adapted sites in the order of the forward pass. */
  readonly modules: readonly LoraModule[];
  readonly #arena: Arena;
  readonly #thaw: () => void;

  /** Makes the tensors, freezes the model and puts the sites on its layers. */
  constructor(model: Model, plans: readonly LoraPlan[]) {
    this.model = model;
    this.#arena = new Arena(model.device, entriesOf(plans), "adapter", "LoRA");
    this.modules = plans.map((plan) => makeModule(plan, this.#arena));
    this.#thaw = freezeBase(model);
    for (const module of this.modules) module.linear.adapted.push(module);
  }

  /** Number of trained values, Σ rank · (in + rows). */
  get parameterCount(): number {
    return this.modules.reduce((sum, { A, B }) => sum + A.size + B.size, 0);
  }

  /** Bytes of A and B on the device, 4 a value. */
  get bytes(): number {
    return 4 * this.parameterCount;
  }

  /** Copies every A and B from the device. */
  async read(): Promise<LowRankUpdate[]> {
    const tensors = this.modules.flatMap(({ A, B }) => [A.tensor, B.tensor]);
    const values = await this.model.device.read(...tensors);
    return this.modules.map(({ linear, rows, scaling }, i) => {
      return { ...addressOf(linear, rows), A: values[2 * i], B: values[2 * i + 1], scaling };
    });
  }

  /**
   * ΔW = scaling · B A of one site, `(rows.count, in)` as in `(out, in)`.
   *
   * @param name The site's name, as in {@link LoraAdapter.modules}.
   * @throws {RangeError} when the adapter has no such site.
   */
  async deltaWeight(name: string): Promise<HostTensor> {
    const module = this.modules.find((module) => module.name === name);
    if (!module) {
      const names = listNames(this.modules.map(({ name }) => name));
      throw new RangeError(`deltaWeight needs a site of the adapter (${names}), found "${name}"`);
    }
    const [A, B] = await this.model.device.read(module.A.tensor, module.B.tensor);
    return deltaWeight({ A, B, scaling: module.scaling });
  }

  /**
   * Writes a PEFT folder. Sites of one weight become one PEFT module of the sum of their ranks, with
   * zeros in B outside of each site's rows. Its scaling is the sites'; where theirs differ it is the
   * largest in size, and the others' ratio to it goes into their B: ΔW is the same, α is not.
   *
   * @throws {Error} when a file cannot be written; older files stay.
   */
  async save(folder: string, options?: SaveAdapterOptions): Promise<void> {
    await saveAdapter(this, folder, options);
  }

  /**
   * Takes exactly its own sites off the model. With the last adapter the model's parameters get back
   * the `trainable` flags that they had. The values stay readable until disposal.
   */
  remove(): void {
    for (const module of this.modules) {
      const { adapted } = module.linear, at = adapted.indexOf(module);
      if (at >= 0) adapted.splice(at, 1);
    }
    this.#thaw();
  }

  /** Removes it and frees its tensors; a second call does nothing. */
  [Symbol.dispose](): void {
    this.remove();
    this.#arena[Symbol.dispose]();
  }
}

/** PEFT's name of a site's A or B in a file, which block-structured sites share after saving. */
function nameOf({ site }: LoraPlan, letter: "A" | "B"): string {
  return `base_model.model.${site.name}.lora_${letter}.weight`;
}

/** All A before all B: an optimizer with a learning rate for each (LoRA+) finds two ranges. */
function entriesOf(plans: readonly LoraPlan[]): ArenaEntry[] {
  const entriesOfA = plans.map((plan) => {
    return { name: nameOf(plan, "A"), shape: [plan.rank, plan.site.linear.weight.shape[1]] };
  });
  const entriesOfB = plans.map((plan) => {
    return { name: nameOf(plan, "B"), shape: [plan.site.rows.count, plan.rank] };
  });
  return [...entriesOfA, ...entriesOfB];
}

function makeModule(plan: LoraPlan, arena: Arena): LoraModule {
  const { site: { name, linear, rows }, rank, alpha, scaling, dropout } = plan;
  const parameter = (letter: "A" | "B") =>
    new Parameter(nameOf(plan, letter), arena.view(nameOf(plan, letter)));
  const [A, B] = [parameter("A"), parameter("B")];
  arena.device.write(A.tensor, plan.A);
  if (plan.B) arena.device.write(B.tensor, plan.B);
  return { name, module: linear.name, linear, rows, A, B, rank, alpha, scaling, dropout };
}
