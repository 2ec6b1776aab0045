/** Figures and the table of full fine-tuning against LoRA, as functions of the rows. @module */

import {
  axis,
  baseLayout,
  dots,
  line,
  logAxis,
  lossCurves,
  palette,
  roleBars,
  table,
} from "../../src/figures/mod.ts";
import type { DataTable, Figure } from "../../src/figures/mod.ts";
import { mean } from "../numbers.ts";
import type { AdaptationRun, MethodRow } from "./method_rows.ts";

/** The color of a method: full in one, LoRA's ranks in shades of another. */
function colorOf(rows: readonly MethodRow[], label: string): string {
  const lora = rows.filter((row) => row.label !== rows[0].label).map((row) => row.label);
  const place = lora.indexOf(label);
  return place < 0 ? palette.full : palette.lora[place % palette.lora.length];
}

/** Steps to either side that a curve is averaged over; none where there are few. */
const reachOf = (steps: number) => steps < 50 ? 0 : 5;

/** Mean of the steps around each step, so that curves can be told apart. */
function smooth(curve: readonly number[]): number[] {
  const reach = reachOf(curve.length);
  return curve.map((_, step) => mean(curve.slice(Math.max(0, step - reach), step + reach + 1)));
}

/** Training loss over steps, one line a method, of the first seed. */
export function lossFigure(rows: readonly MethodRow[], secondPass: number, device: string): Figure {
  const curves = rows.map(({ label, first }) => {
    return { name: label, losses: smooth(first.curve), color: colorOf(rows, label) };
  });
  const { length: steps } = rows[0].first.curve, reach = reachOf(steps);
  const mean = reach > 0 ? `Mean over ${2 * reach + 1} steps around each; ` : "";
  const again = steps >= secondPass
    ? ` A second pass over the training pairs begins at step ${secondPass}: what falls from there on ` +
      "is also memory of the pairs."
    : "";
  const caption = `${mean}seed {seed}; ${device}.${again}`;
  return lossCurves(curves, { id: "adaptation-loss", caption, steps });
}

/** Held-out loss over trained parameters, one mark a seed, with the base's own loss as a line. */
export function qualityFigure(rows: readonly MethodRow[], baseLoss: number): Figure {
  const trained = (run: AdaptationRun) => run.trained, loss = (run: AdaptationRun) => run.loss;
  const marks = rows.map(({ label: name, runs }) =>
    dots(runs, trained, loss, { color: colorOf(rows, name), size: 12 }, { name })
  );
  const all = rows.flatMap(({ runs }) => runs.map(trained));
  const dash = { color: palette.base, dash: "dash" } as const, name = "base, not adapted";
  const base = line([Math.min(...all), Math.max(...all)], (x) => x, () => baseLoss, dash, { name });
  return {
    id: "adaptation-quality",
    title: "Held-out loss against trained parameters",
    caption: "One mark for each seed ({seeds}); the dashed line is the base before adaptation.",
    data: [...marks, base],
    layout: baseLayout(logAxis("trained parameters"), axis("held-out loss (nats per token)")),
  };
}

/** Bytes by role at the peak of a step, stacked, one bar a method. */
export function memoryFigure(rows: readonly MethodRow[]): Figure {
  const bars = rows.map(({ label, first }) => ({ label, byRole: first.peakByRole }));
  const { seed } = rows[0].first;
  return {
    id: "adaptation-memory",
    title: "Bytes by role at the peak of a training step",
    caption: `From the device's ledger: what the run of seed ${seed} allocated, padding apart.`,
    ...roleBars(bars, "MB", 340),
  };
}

/** All figures of each method side by side; the spread where there are several seeds. */
export function methodTable(rows: readonly MethodRow[], baseLoss: number): DataTable {
  const several = rows.some(({ runs }) => runs.length > 1);
  const base: Partial<MethodRow> = { label: "base, not adapted", loss: baseLoss };
  return table({
    id: "adaptation",
    title: "Full fine-tuning and LoRA on the same task, steps and batches",
    columns: [
      ["label", "method", "text"],
      ["loss", "held-out loss (nats per token)", "nats"],
      ...(several ? [["spread", "spread over seeds", "nats"] as const] : []),
      ["learningRate", "learning rate", "text", ({ first }) => first && `${first.learningRate}`],
      ["trained", "trained parameters", "count", ({ first }) => first?.trained],
      ["peak", "peak of a step", "bytes", ({ first }) => first?.peak],
      ["checkpointBytes", "kept for the task", "bytes", ({ first }) => first?.checkpointBytes],
      ["stepMs", "step (ms, median)", "time"],
    ],
    rows: [base, ...rows],
  });
}
