/**
 * The spectra of a model's adapters during training, read without stopping it, and figures of them
 * over the steps.
 *
 * @module
 */

import { effectiveRank, principalAngles, stableRank, updateSvd } from "../analysis/mod.ts";
import type { LowRankSite } from "../autograd/mod.ts";
import type { HostTensor } from "../core/tensor.ts";
import { type Axis, axis, baseLayout, type Figure, palette } from "../figures/figure.ts";
import { line } from "../figures/marks.ts";
import type { DenseMatrix } from "../linalg/mod.ts";
import type { Model } from "../models/mod.ts";

// Readings.

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
      adaptations.flatMap(({ lowRank }) => lowRank?.B.trainable ? lowRank : [])
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

// Figures.

const mode = "lines+markers", stepsOf = ({ steps }: SpectrumReading) => steps;

/** `q` and 1 of `transformer.h.0.attn.c_attn:q`; a name without a layer as it is. */
function placeOf({ name }: SiteReading): { kind: string; layer?: number } {
  const found = /\.(\d+)\.(?:[^:]*:)?(.+)$/.exec(name);
  return found ? { kind: found[2], layer: Number(found[1]) + 1 } : { kind: name };
}

function shortName(site: SiteReading): string {
  const { kind, layer } = placeOf(site);
  return layer === undefined ? kind : `${kind}, layer ${layer}`;
}

/** Colors of the kinds of sites, such as the six of a transformer's layer. */
const kindColors: readonly string[] = [...palette.series, palette.lora[0]];

/** The line and the marks of the first, second, … layer; more begin again. */
const layerDashes = ["solid", "dash", "dot", "dashdot"] as const;
const layerSymbols = ["circle", "diamond", "square", "triangle-up"] as const;

/** Every singular value of one site over the steps, from at least one reading. */
export function trainingSpectrum(readings: readonly SpectrumReading[], site: number): Figure {
  const [{ sites }] = readings, { singularValues } = sites[site];
  return {
    id: "spectra-values",
    title: `Singular values of ΔW during training: ${shortName(sites[site])}`,
    caption:
      `All ${singularValues.length}, the largest dark and on top; ${readings.length} readings while training continued.`,
    data: singularValues.map((_, place) => {
      const color = palette.lora[place === 0 ? 2 : place < 4 ? 1 : 0];
      const more = { mode, name: `σ ${place + 1}`, showlegend: false } as const;
      const value = ({ sites }: SpectrumReading) => sites[site].singularValues[place];
      return line(readings, stepsOf, value, { color, width: 1.5 }, more);
    }),
    layout: baseLayout(axis("step"), axis("singular value", { rangemode: "tozero" })),
  };
}

/**
 * A number of every site over the steps, a line each, from at least one reading: in the color of the kind of
 * site, dashed and marked by layer.
 */
export function sitesOverSteps(
  readings: readonly SpectrumReading[],
  words: Pick<Figure, "id" | "title" | "caption">,
  y: Axis,
  value: (reading: SiteReading) => number | undefined,
): Figure {
  const { sites } = readings[0], places = sites.map(placeOf);
  const kinds = [...new Set(places.map(({ kind }) => kind))];
  const layers = [...new Set(places.map(({ layer }) => layer))];
  const lines = sites.map((reading, site) => {
    const { kind, layer } = places[site], depth = layers.indexOf(layer) % layerDashes.length;
    const color = kindColors[kinds.indexOf(kind) % kindColors.length];
    const marker = { symbol: layerSymbols[depth], size: 6 };
    const style = { color, width: 1.5, dash: layerDashes[depth] };
    const more = { mode, name: shortName(reading), marker } as const;
    return line(readings, stepsOf, ({ sites }) => value(sites[site]), style, more);
  });
  return { ...words, data: lines, layout: baseLayout(axis("step"), y) };
}
