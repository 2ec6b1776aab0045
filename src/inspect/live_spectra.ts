/** The spectra of a model's adapters during training, read without stopping it. @module */

import { effectiveRank, principalAngles, stableRank, updateSvd } from "../analysis/mod.ts";
import type { LowRankSite } from "../autograd/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { DenseMatrix } from "../linalg/mod.ts";
import type { Model } from "../models/mod.ts";

/** One adapted site at a reading. */
export interface SiteReading {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
  /** σ₁ ≥ … ≥ σ_r of ΔW. */
  readonly singularValues: readonly number[];
  /** ‖ΔW‖² / σ₁². */
  readonly stableRank: number;
  /** exp of the entropy of σᵢ / Σ σ. */
  readonly effectiveRank: number;
  /** The largest principal angle between the input space of ΔW and that of the previous reading, radians. */
  readonly angle?: number;
}

/** All adapted sites after a step. */
export interface SpectrumReading {
  /** Steps done. */
  readonly steps: number;
  /** The sites, in the order of the forward pass. */
  readonly sites: readonly SiteReading[];
}

/**
 * Reads every adapter on a model each `every` steps. A step never waits for it: copies are queued in the
 * order of the device's work, and analyzed when they arrive.
 */
export class LiveSpectra {
  readonly #model: Model;
  readonly #every: number;
  #last = 0;
  /** The input space of each site at the last reading; ΔW = 0 has none. */
  #spaces: readonly (DenseMatrix | undefined)[] = [];
  #readings: Promise<readonly SpectrumReading[]> = Promise.resolve([]);

  /** Watches the adapters that are on the model when a reading is due. */
  constructor(model: Model, every = 20) {
    this.#model = model;
    this.#every = every;
  }

  /** Call it after a step with the number of steps done, or before the first; starts a reading when one is due. */
  observe(steps: number): void {
    if (steps > 0 && steps - this.#last < this.#every) return;
    const { linears, outerLayers = [] } = this.#model;
    const sites = [...linears, ...outerLayers].flatMap(({ adaptations }) =>
      adaptations.flatMap(({ lowRank }) => lowRank?.A.trainable ? lowRank : [])
    );
    if (sites.length === 0) return;
    this.#last = steps;
    const tensors = sites.flatMap(({ A, B }) => [A.tensor, B.tensor]);
    this.#readings = this.#append(steps, sites, this.#model.device.read(...tensors));
    this.#readings.catch(() => {}); // readings() rejects
  }

  /** All readings, once the last has arrived. */
  readings(): Promise<readonly SpectrumReading[]> {
    return this.#readings;
  }

  async #append(
    steps: number,
    sites: readonly LowRankSite[],
    values: Promise<HostTensor[]>,
  ): Promise<SpectrumReading[]> {
    const before = await this.#readings, read = await values, last = this.#spaces;
    const updates = sites.map(({ scaling }, i) => {
      return updateSvd({ A: read[2 * i], B: read[2 * i + 1], scaling });
    });
    this.#spaces = updates.map(({ values, right }) => values[0] > 0 ? right : undefined);
    const readings = updates.map(({ values, right }, i): SiteReading => ({
      name: nameOf(sites[i]),
      singularValues: [...values],
      stableRank: stableRank(values),
      effectiveRank: effectiveRank(values),
      angle: last[i] && principalAngles(right, last[i]!).at(-1),
    }));
    return [...before, { steps, sites: readings }];
  }
}

/** `transformer.h.0.attn.c_attn:q` of `base_model.model.transformer.h.0.attn.c_attn:q.lora_A.weight`. */
const nameOf = ({ A }: LowRankSite): string =>
  A.name.replace(/^base_model\.model\./, "").replace(/\.lora_A\.weight$/, "");
