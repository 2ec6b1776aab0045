/** Tables and figures of `quantized-memory`. @module */

import { type Column, type DataTable, type Figure, table } from "../../../src/figures/mod.ts";
import { roleBars, usedRoles } from "../../../src/figures/marks.ts";
import { labels, type LargeRow, type MemoryRows, type StepRow } from "./rows.ts";

/** Bytes at the peak of a step, by role. */
export const stepTable = ({ steps }: MemoryRows): DataTable => {
  const bars = steps.map(({ method, predicted }) => {
    return { label: method.label, byRole: predicted.peakByRole };
  });
  return table<StepRow>({
    id: "quantized-steps",
    title: "Bytes at the peak of a step, predicted by role, and measured",
    columns: [
      ["model", "model", "text"],
      ["batch", "batch", "text"],
      ["method", "method", "text", ({ method }) => method.label],
      ...usedRoles(bars).map((role): Column<StepRow> => {
        const key = role as keyof StepRow["predicted"]["peakByRole"];
        return [role, role, "bytes", ({ predicted }) => predicted.peakByRole[key]];
      }),
      ["predicted", "predicted", "bytes", ({ predicted }) => predicted.peak],
      ["measured", "measured", "bytes", ({ measured }) => measured?.peak],
    ],
    rows: steps,
  });
};

/** Bytes of the large models, without activations. */
export const largeTable = ({ large }: MemoryRows): DataTable =>
  table<LargeRow>({
    id: "quantized-large",
    title: "7B to 175B: bytes that do not depend on the batch, by the closed formulas",
    columns: [
      ["model", "model", "text"],
      ["parameters", "parameters", "count"],
      ["label", "method", "text"],
      ...usedRoles(large).map((role): Column<LargeRow> => {
        return [role, role, "bytes", ({ byRole }) => byRole[role] || undefined];
      }),
      ["total", "total", "bytes"],
      ["bits", "bits a value of linear layers", "number"],
    ],
    rows: large,
  });

/** The bars of one model that runs. */
export const stepFigures = ({ steps }: MemoryRows): Figure[] =>
  [...Map.groupBy(steps, ({ model }) => model)].map(([model, own]) => ({
    id: `quantized-steps-${model.toLowerCase()}`,
    title: `${model}: bytes by role at the peak of a step`,
    caption:
      `A batch of ${
        own[0].batch
      } tokens, LoRA of rank 8 on every linear layer, counted on the dry ` +
      "device, activations included.",
    ...roleBars(
      own.map(({ method, predicted }) => ({ label: method.label, byRole: predicted.peakByRole })),
      340,
    ),
  }));

/** LLaMA 65B, the model of the paper's headline. */
export const largeFigure = ({ large }: MemoryRows): Figure => ({
  id: "quantized-large",
  title: "LLaMA 65B: bytes that do not depend on the batch",
  caption:
    "By the closed formulas; adapters of rank 64 on every linear layer. Activations are left out.",
  ...roleBars(large.filter(({ model }) => model === "LLaMA 65B"), 340),
});

/** QLoRA's base and state over the models. */
export const sizesFigure = ({ large }: MemoryRows): Figure => ({
  id: "quantized-sizes",
  title: "QLoRA from 7B to 175B: bytes that do not depend on the batch",
  caption: "NF4 with double quantization, adapters of rank 64 on every linear layer in F32, AdamW.",
  ...roleBars(
    large.filter(({ label }) => label === labels.qlora).map(({ model, byRole }) => {
      return { label: model, byRole };
    }),
    340,
  ),
});
