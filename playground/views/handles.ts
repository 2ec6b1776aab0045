/** The handles of the page, in the order in which they are shown. @module */

import type { Handle } from "../controls.ts";
import { short } from "../draw/chart.ts";
import { models } from "../memory.ts";

const upToWidth: Handle["fits"] = (value, { width }) => Number(value) <= width;

const folded = (handles: readonly Handle[]): Handle[] =>
  handles.map((handle) => ({ ...handle, isFolded: true }));

/** Handles of the planted shift: those of LoRA, and the others folded. */
export const lessonHandles: readonly Handle[] = [
  { key: "rank", label: "Rank r of B·A", fits: upToWidth },
  {
    key: "alpha",
    label: "α",
    format: (alpha, { rank }) =>
      `${alpha}, s = ${short(Number((Number(alpha) / rank).toPrecision(3)))}`,
  },
  { key: "learningRate", label: "Learning rate" },
  {
    key: "start",
    label: "Init of A and B",
    names: {
      kaiming: "B = 0, A uniform (LoRA)",
      gaussian: "B = 0, A normal",
      turned: "A = 0, B uniform",
      random: "both random",
      small: "both random, small",
      zero: "both 0",
      pissa: "PiSSA: from W₀'s directions",
      olora: "OLoRA: from W₀'s columns",
    },
  },
  ...folded([
    { key: "width", label: "Matrices", names: { 2: "2 × 2: circle to ellipse", 16: "16 × 16" } },
    { key: "shiftRank", label: "Rank of D", fits: upToWidth },
    { key: "spread", label: "Inputs", format: (value) => value === 1 ? "round" : `${value} : 1` },
    { key: "seed", label: "Seed" },
    {
      key: "beside",
      label: "A run beside",
      format: (beside) => beside === 0 ? "none" : `r = ${beside}`,
      fits: upToWidth,
    },
    { key: "pace", label: "Steps per frame" },
    {
      key: "device",
      label: "Computed by",
      names: { cpu: "CPU, WebAssembly", webgpu: "GPU, WebGPU", reference: "float64, slow" },
    },
  ]),
];

/** Handles of the tiny GPT-2. */
export const tinyHandles: readonly Handle[] = [
  { key: "textRank", label: "Rank r" },
  {
    key: "textAlpha",
    label: "α",
    format: (alpha, { textRank }) => `${alpha}, s = ${short(Number(alpha) / textRank)}`,
  },
  { key: "textRate", label: "Learning rate" },
  { key: "textSteps", label: "Steps" },
  { key: "textSeed", label: "Seed" },
  {
    key: "textDevice",
    label: "Computed by",
    names: { cpu: "CPU, WebAssembly", webgpu: "GPU, WebGPU" },
  },
  {
    key: "site",
    label: "Spectrum of",
    names: { 0: "layer 1, q", 1: "layer 1, v", 2: "layer 2, q", 3: "layer 2, v" },
  },
];

/** Handles of the memory of a model. */
export const memoryHandles: readonly Handle[] = [
  { key: "model", label: "Model", names: Object.fromEntries(models.map((name) => [name, name])) },
  { key: "modelRank", label: "Rank r" },
  {
    key: "sites",
    label: "Adapted layers",
    names: {
      "q,v": "q, v (the paper)",
      "q,k,v,o": "q, k, v, o",
      "all-linear": "all linear layers",
    },
  },
  {
    key: "dtype",
    label: "Frozen base under LoRA",
    names: { F32: "F32", BF16: "BF16", nf4: "NF4 (QLoRA)" },
  },
  { key: "batch", label: "Sequences" },
  { key: "length", label: "Tokens each" },
];
