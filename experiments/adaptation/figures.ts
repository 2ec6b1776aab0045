/** Figures and the table of full fine-tuning against LoRA, as functions of the rows. @module */

import type { DataTable, Figure, TableColumn } from "../../src/figures/figure.ts";
import { axis, baseLayout, logAxis } from "../../src/figures/layout.ts";
import { lossCurves } from "../../src/figures/loss_curves.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Trace } from "../../src/figures/plotly_types.ts";
import { roleBars } from "../role_bars.ts";
import type { AdaptationRun, MethodRow } from "./rows.ts";
import { seedList } from "../seed_list.ts";

/** The colour of a method: full in one, LoRA's ranks in shades of another. */
function colourOf(rows: readonly MethodRow[], label: string): string {
  const lora = rows.filter((row) => row.label !== rows[0].label).map((row) => row.label);
  const place = lora.indexOf(label);
  return place < 0 ? palette.full : palette.lora[place % palette.lora.length];
}

/** Steps to either side that a curve is averaged over; none where there are few. */
const reachOf = (steps: number) => steps < 50 ? 0 : 5;

/** Mean of the steps around each step, so that curves can be told apart. */
function smooth(curve: readonly number[]): number[] {
  const reach = reachOf(curve.length);
  return curve.map((_, step) => {
    const near = curve.slice(Math.max(0, step - reach), step + reach + 1);
    return near.reduce((sum, loss) => sum + loss, 0) / near.length;
  });
}

/** Training loss over steps, one line a method, of the first seed. */
export function lossFigure(
  rows: readonly MethodRow[],
  secondPass: number,
  device: string,
): Figure {
  const curves = rows.map(({ label, first }) => {
    return { name: label, losses: smooth(first.curve), color: colourOf(rows, label) };
  });
  const { first } = rows[0], caption = lossCaption(first, secondPass, device);
  return lossCurves(curves, { id: "adaptation-loss", caption, steps: first.curve.length });
}

function lossCaption({ curve, seed }: AdaptationRun, secondPass: number, device: string): string {
  const reach = reachOf(curve.length);
  const mean = reach > 0 ? `Mean over ${2 * reach + 1} steps around each; ` : "";
  const again = curve.length >= secondPass
    ? ` A second pass over the training pairs begins at step ${secondPass}: what falls from there on ` +
      "is also memory of the pairs."
    : "";
  return `${mean}seed ${seed}; ${device}.${again}`;
}

/** Held-out loss over trained parameters, one mark a seed, with the base's own loss as a line. */
export function qualityFigure(rows: readonly MethodRow[], baseLoss: number): Figure {
  const marks = ({ label, runs }: MethodRow): Trace => ({
    type: "scatter",
    mode: "markers",
    name: label,
    x: runs.map(({ trained }) => trained),
    y: runs.map(({ loss }) => loss),
    marker: { color: colourOf(rows, label), size: 12 },
  });
  const extent = rows.flatMap(({ runs }) => runs.map(({ trained }) => trained));
  const base: Trace = {
    type: "scatter",
    mode: "lines",
    name: "base, not adapted",
    x: [Math.min(...extent), Math.max(...extent)],
    y: [baseLoss, baseLoss],
    line: { color: palette.base, dash: "dash" },
  };
  return {
    id: "adaptation-quality",
    title: "Held-out loss against trained parameters",
    caption: `One mark for each seed (${seedList(rows[0].runs)}); the dashed line is ` +
      "the base before adaptation.",
    data: [...rows.map(marks), base],
    layout: baseLayout(
      logAxis("trained parameters"),
      axis("held-out loss (nats per token)"),
    ),
  };
}

/** Bytes by role at the peak of a step, stacked, one bar a method. */
export function memoryFigure(rows: readonly MethodRow[]): Figure {
  const bars = rows.map(({ label, first }) => ({ label, byRole: first.peakByRole }));
  return {
    id: "adaptation-memory",
    title: "Bytes by role at the peak of a training step",
    caption: `From the device's ledger: what the run of seed ${
      rows[0].first.seed
    } allocated, padding apart.`,
    ...roleBars(bars, "MB", 340),
  };
}

const spreadColumn: TableColumn = { key: "spread", label: "spread over seeds", unit: "nats" };

/** All figures of each method side by side; the spread where there are several seeds. */
export function methodTable(rows: readonly MethodRow[], baseLoss: number): DataTable {
  const cells = ({ label, loss, spread, first, stepMs }: MethodRow) => ({
    label,
    loss,
    spread,
    ...pick(first),
    stepMs,
  });
  const base = { label: "base, not adapted", loss: baseLoss };
  const several = rows.some(({ runs }) => runs.length > 1);
  return {
    id: "adaptation",
    title: "Full fine-tuning and LoRA on the same task, steps and batches",
    columns: [
      { key: "label", label: "method", unit: "text" },
      { key: "loss", label: "held-out loss (nats per token)", unit: "nats" },
      ...(several ? [spreadColumn] : []),
      { key: "learningRate", label: "learning rate", unit: "text" },
      { key: "trained", label: "trained parameters", unit: "count" },
      { key: "peak", label: "peak of a step", unit: "bytes" },
      { key: "checkpointBytes", label: "kept for the task", unit: "bytes" },
      { key: "stepMs", label: "step (ms, median)", unit: "time" },
    ],
    rows: [base, ...rows.map(cells)],
  };
}

function pick({ learningRate, trained, peak, checkpointBytes }: AdaptationRun) {
  return { learningRate: String(learningRate), trained, peak, checkpointBytes };
}
