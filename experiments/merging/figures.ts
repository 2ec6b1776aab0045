/** Figures of merging, as functions of what was measured. @module */

import type { Shape } from "../../src/core/shape.ts";
import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Trace } from "../../src/figures/plotly_types.ts";
import type { Timing } from "./timing.ts";

/** Wall times of forward passes of (batch, time) tokens. */
export function latencyTable(timings: readonly Timing[], [batch, time]: Shape): DataTable {
  return {
    id: "merging",
    title: `A forward pass of ${batch} x ${time} tokens, timed in turn`,
    columns: [
      { key: "label", label: "weights", unit: "text" },
      { key: "minimum", label: "minimum (µs per token)", unit: "time" },
      { key: "median", label: "median (µs per token)", unit: "time" },
      { key: "middleHalf", label: "middle half spans (µs per token)", unit: "time" },
    ],
    rows: timings.map((timing) => ({ ...timing })),
  };
}

/** Medians of base, unmerged and merged. */
export function latencyFigure(timings: readonly Timing[], rank: number, device: string): Figure {
  return {
    id: "merging",
    title: "Cost of a forward pass per token",
    caption:
      `Median of passes timed in turn; LoRA of rank ${rank} on every linear layer; ${device}.`,
    data: [{
      type: "bar",
      orientation: "h",
      y: timings.map(({ label }) => label),
      x: timings.map(({ median }) => median),
      marker: { color: [palette.base, palette.lora[1], palette.merged] },
    }],
    layout: baseLayout(axis("µs per token"), axis("", { autorange: "reversed" }), { height: 280 }),
  };
}

/** A task's held-out loss under whatever was merged, between what is known of it. */
export interface TaskLoss {
  /** Its name. */
  readonly task: string;
  /** Nats per token, now. */
  readonly loss: number;
  /** Of the base. */
  readonly base: number;
  /** Of the base with the adapter that was trained for it, and nothing else. */
  readonly adapted: number;
}

/** A bar for each task, with two marks that stay: the base and the task's own adapter. */
export function taskLossFigure(rows: readonly TaskLoss[], caption: string): Figure {
  const tasks = rows.map(({ task }) => task);
  const marks = (name: string, x: readonly number[], color: string): Trace => ({
    type: "scatter",
    mode: "markers",
    name,
    x,
    y: tasks,
    marker: { color, size: 26, symbol: "line-ns-open", line: { width: 3 } },
  });
  const most = 1.5 * Math.max(...rows.map(({ base }) => base));
  return {
    id: "task-losses",
    title: "Held-out loss of each task",
    caption,
    data: [
      {
        type: "bar",
        orientation: "h",
        name: "now",
        x: rows.map(({ loss }) => loss),
        y: tasks,
        width: 0.5,
        marker: { color: palette.lora[0] },
      },
      marks("the base", rows.map(({ base }) => base), palette.base),
      marks("its own adapter", rows.map(({ adapted }) => adapted), palette.lora[2]),
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)", { range: [0, most] }),
      axis("", { autorange: "reversed" }),
      { height: 300, showlegend: true },
    ),
  };
}
