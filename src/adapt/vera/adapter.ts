/** VeRA adapters: shared random matrices, two trained vectors for each layer. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { mostDrawnRank } from "../../core/limits.ts";
import { assertOptions, type OptionNames } from "../../core/options.ts";
import { quote } from "../../core/quote.ts";
import { countRows } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";
import { tensorPrefix } from "../../formats/adapter_weights.ts";
import { withWholeHead } from "../../formats/whole_head.ts";
import type { Model } from "../../models/model.ts";
import { Linear } from "../../nn/linear.ts";
import type { WeightChange } from "../adapter.ts";
import { assertFree } from "../attach.ts";
import { isStoredTurned, taskTypeOf } from "../lora/record.ts";
import { MethodAdapter, type MethodAdapterOptions } from "../method_adapter.ts";
import type { MethodConfig, SavedValues } from "../saved_values.ts";
import { assertOwnWeight, selectSites, type SiteSelection } from "../sites.ts";
import {
  drawProjections,
  type ProjectionShape,
  type ProjectionValues,
  VeraProjections,
} from "./projections.ts";
import { VeraSite } from "./vera_site.ts";

/** How to adapt a model with VeRA; where neither `sites` nor `targetModules` say, PEFT's default modules. */
export interface VeraOptions extends SiteSelection, MethodAdapterOptions {
  /** r, from 1 to 16384: larger than for LoRA, as each costs one trained value a layer. */
  readonly rank: number;
  /** What every d begins at. Default 0.1. */
  readonly dInitial?: number;
  /** Share of each layer's input that is zeroed while training with a dropout seed. Default 0. */
  readonly dropout?: number;
  /** Seed of A and B, as PEFT's `projection_prng_key`: PEFT draws the same values from it. Default 0. */
  readonly seed?: number;
}

const optionNames: OptionNames<VeraOptions> = {
  rank: true,
  dInitial: true,
  dropout: true,
  seed: true,
  sites: true,
  targetModules: true,
  modulesToSave: true,
  onTop: true,
};

/** All that a VeRA adapter is made of. */
export interface VeraPlan extends Required<Omit<VeraOptions, "sites" | "targetModules" | "onTop">> {
  /** The adapted layers. */
  readonly layers: readonly Linear[];
  /** A and B, if a file has them. Default: drawn from the seed. */
  readonly projections?: ProjectionValues & { readonly shape: ProjectionShape };
  /** The trained values, if a file has them. */
  readonly saved?: SavedValues;
}

/**
 * Freezes a model and gives each selected linear layer two trained vectors, between which random matrices act
 * that all layers share: y += b ⊙ (B (d ⊙ (A x))) with d `(r)` and b `(out)` (Kopiczko et al. 2024).
 *
 * b begins as zero: at step 0 the model computes what the base model computes, bit for bit. Layers of other
 * extents use the first columns of A and rows of B, as in PEFT. Cost: r + out trained values for each layer, and
 * 4 · r · (in + out) + 4 · max(out, r) bytes once, in and out the largest extents.
 *
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a layer does not exist or is an
 * embedding, a site is a part of a weight, or a number is out of range.
 *
 * @example
 * ```ts
 * import { injectVera } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectVera(model, { rank: 16, targetModules: ["c_attn"], seed: 1 });
 * console.log(adapter.parameters.reduce((sum, { size }) => sum + size, 0)); // 16 + 24 = 40
 * ```
 */
export function injectVera(model: Model, options: VeraOptions): VeraAdapter {
  assertOptions("injectVera", options, optionNames);
  assertFree(model, options, "injectVera");
  const { rank, dInitial = 0.1, dropout = 0, seed = 0, modulesToSave = [] } = options;
  assertSettings(rank, dInitial, dropout);
  const layers = selectLayers(model, options);
  return new VeraAdapter(model, { rank, dInitial, dropout, seed, modulesToSave, layers });
}

/** Trained vectors on layers of a model; made by {@link injectVera}. */
export class VeraAdapter extends MethodAdapter {
  /** The adapted layers, in the order of the forward pass. */
  readonly sites: readonly VeraSite[];
  /** A and B. */
  readonly projections: VeraProjections;
  readonly #plan: VeraPlan;

  /** Allocates the tensors, freezes the model and attaches the sites to its layers. */
  constructor(model: Model, plan: VeraPlan) {
    using unfinished = new DisposableStack();
    const { layers, rank, seed, projections: given } = plan;
    const shape = given?.shape ?? projectionShape(layers, rank);
    const values = given ?? drawProjections(seed, shape);
    const projections = unfinished.use(new VeraProjections(model.device, shape, values));
    const sites: VeraSite[] = [];
    super(model, {
      entries: layers.flatMap((layer) => entriesOf(layer, rank)),
      copied: plan.modulesToSave,
      saved: plan.saved,
      build: (own) => {
        sites.push(
          ...layers.map((layer, i) => makeSite(layer, own.slice(2 * i), projections, plan)),
        );
        return sites.map((site) => [site.linear, site]);
      },
    });
    this.sites = sites;
    this.projections = projections;
    this.#plan = plan;
    unfinished.move();
  }

  /** PEFT's `adapter_config.json`. */
  protected override get config(): MethodConfig {
    const { rank, dInitial, dropout, seed, modulesToSave, layers } = this.#plan;
    const names = withWholeHead(modulesToSave), { model } = this;
    return {
      bias: "none",
      d_initial: dInitial,
      fan_in_fan_out: isStoredTurned(model, layers),
      inference_mode: true,
      init_weights: true,
      modules_to_save: names.length > 0 ? [...new Set(names)] : null,
      peft_type: "VERA",
      projection_prng_key: seed,
      r: rank,
      save_projection: true,
      target_modules: layers.map(({ name }) => name).sort(),
      task_type: taskTypeOf(model, modulesToSave.length > 0),
      vera_dropout: dropout,
    };
  }

  /** The vectors, modules trained in full, A and B, by PEFT's keys. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const { A, B } = this.projections, own = new Set(this.own.map(({ name }) => name));
    const trained = super.tensors().map(([name, tensor]) =>
      [own.has(name) ? name : tensorPrefix + name, tensor] as const
    );
    return [...trained, ["base_model.vera_A", A] as const, ["base_model.vera_B", B] as const];
  }

  /**
   * W' = W + (b ⊙ B) (d ⊙ A) for every adapted layer; modules trained in full are replaced.
   *
   * @throws {RangeError} when a layer's weight is another's too.
   */
  override weightChanges(): readonly WeightChange[] {
    for (const { linear } of this.sites) assertOwnWeight(this.model, linear);
    return [...this.modules.weightChanges(), ...this.sites.map((site) => site.weightChange())];
  }

  /** Removes the adapter and frees its tensors. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.projections[Symbol.dispose]();
  }
}

/** Throws unless a rank, a start and a dropout are numbers that VeRA can have. */
function assertSettings(rank: number, dInitial: number, dropout: number): void {
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= mostDrawnRank)) {
    throw new RangeError(
      `the rank of VeRA must be a whole number from 1 to ${mostDrawnRank}, found ${quote(rank)}`,
    );
  }
  if (!Number.isFinite(Math.fround(dInitial))) {
    throw new RangeError(`dInitial must be finite in F32, found ${quote(dInitial)}`);
  }
  assertDropout("dropout", dropout);
}

function selectLayers(model: Model, { sites, targetModules }: SiteSelection): Linear[] {
  const isSaid = sites !== undefined || targetModules !== undefined;
  const usual = model.architecture?.peftTargets ?? [];
  const selection = isSaid ? { sites, targetModules } : { targetModules: usual };
  return selectSites(model, selection).map(({ name, linear, rows }) => {
    if (linear instanceof Linear && countRows(rows) === linear.extents[0]) return linear;
    const found = linear instanceof Linear ? "the site" : "the embedding";
    throw new RangeError(
      `VeRA needs whole linear layers, by targetModules, found ${found} ${name}`,
    );
  });
}

/** The extents with which A and B reach every layer. */
export function projectionShape(layers: readonly Linear[], rank: number): ProjectionShape {
  const most = (axis: 0 | 1) =>
    layers.reduce((max, { extents }) => Math.max(max, extents[axis]), 0);
  return { rank, outputs: most(0), inputs: most(1) };
}

const entriesOf = ({ name, extents: [outputs] }: Linear, rank: number) => [
  { name: `${tensorPrefix}${name}.vera_lambda_b`, shape: [outputs] },
  { name: `${tensorPrefix}${name}.vera_lambda_d`, shape: [rank] },
];

function makeSite(
  layer: Linear,
  [b, d]: readonly Parameter[],
  projections: VeraProjections,
  { dInitial, dropout }: VeraPlan,
): VeraSite {
  d.tensor.device.write(d.tensor, new Float32Array(d.size).fill(dInitial));
  return new VeraSite(layer, { b, d }, projections, dropout);
}
