/** Wall time of forward passes, interleaved, so that drift of the machine affects all models alike. @module */

import { Tape } from "../autograd/mod.ts";
import type { Shape } from "../core/tensor.ts";
import { axis, barsAcross, baseLayout, palette, table } from "../figures/mod.ts";
import type { DataTable, Figure } from "../figures/mod.ts";
import type { Model, ModelInputs } from "../models/mod.ts";
import { median, middleHalf } from "../core/numbers.ts";

/** Time of a forward pass. */
export interface Timing {
  /** Name of the timed model. */
  readonly label: string;
  /** Smallest, microseconds per token. */
  readonly minimum: number;
  /** Median, microseconds per token. */
  readonly median: number;
  /** Interquartile range over all passes, microseconds per token. */
  readonly middleHalf: number;
  /** Time of each round in their order, microseconds per token. */
  readonly each: readonly number[];
}

/** Options for timing models. */
export interface TimingOptions {
  /** Rounds that do not count. Default 2. */
  readonly warmUp?: number;
  /** Stops before the next pass. */
  readonly signal?: AbortSignal;
}

/**
 * Times every model once a round, `rounds` times after some rounds of warm-up. Each round begins with
 * another model, so that none always follows the same one.
 *
 * @throws The signal's reason when it was stopped between two passes.
 */
export async function timeForward(
  models: Readonly<Record<string, Model<ModelInputs>>>,
  inputs: ModelInputs,
  rounds: number,
  { warmUp = 2, signal }: TimingOptions = {},
): Promise<Timing[]> {
  const times = Object.entries(models).map(([label, model]) => {
    return { label, model, micros: [] as number[] };
  });
  for (let round = -warmUp; round < rounds; round++) {
    const first = (round + warmUp) % times.length;
    for (const { model, micros } of [...times.slice(first), ...times.slice(0, first)]) {
      signal?.throwIfAborted();
      const ms = await timeOnce(model, inputs);
      if (round >= 0) micros.push(1000 * ms / inputs.tokens.data.length);
    }
  }
  return times.map(({ label, micros }) => {
    const own = { minimum: Math.min(...micros), median: median(micros), each: micros };
    return { label, ...own, middleHalf: middleHalf(micros) };
  });
}

async function timeOnce(model: Model<ModelInputs>, inputs: ModelInputs): Promise<number> {
  const start = performance.now();
  using tape = new Tape(model.device, { record: false });
  const logits = model.forward(tape, inputs);
  await model.device.read(logits.view([1]));
  return performance.now() - start;
}

/** Wall times of forward passes of (batch, time) tokens. */
export function latencyTable(timings: readonly Timing[], [batch, time]: Shape): DataTable {
  return table({
    id: "merging",
    title: `A forward pass of ${batch} x ${time} tokens, passes interleaved`,
    columns: [
      ["label", "model", "text"],
      ["minimum", "minimum (µs per token)", "time"],
      ["median", "median (µs per token)", "time"],
      ["middleHalf", "interquartile range (µs per token)", "time"],
    ],
    rows: timings,
  });
}

/** Medians of base, unmerged and merged, and of adapter layers where they come after these. */
export function latencyFigure(timings: readonly Timing[], rank: number, device: string): Figure {
  const color = [palette.base, palette.lora[1], palette.merged, ...palette.series.slice(3)];
  const layers = timings.slice(3).map(({ label }) => label).join(" and ");
  return {
    id: "merging",
    title: "Cost of a forward pass per token",
    caption: `Median over interleaved passes; LoRA of rank ${rank} on every linear layer; ${
      layers && `${layers} are adapter layers; `
    }${device}.`,
    data: [barsAcross(timings, ({ median }) => median, ({ label }) => label, { color })],
    layout: baseLayout(axis("µs per token"), axis("", { autorange: "reversed" }), {
      height: 80 + 40 * timings.length,
    }),
  };
}
