/** 40 to 55: which bytes LoRA saves. @module */

import { gpt2StepBytes, trainingBytes } from "../../src/accounting/mod.ts";
import { type Architecture, architectureOf, catalog } from "../../src/architectures/mod.ts";
import { grouped } from "../../src/core/numbers.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { linesFigure, palette, roleBars } from "../../src/figures/mod.ts";
import { formulasHtml, plotHtml } from "../drawing.ts";
import type { Part, Slide } from "../slide.ts";

const { config } = catalog["gpt3-175b"], qv = { rank: 4, sites: ["q", "v"] };

/** The sum over all roles. */
export const total = (bytes: object): number =>
  Object.values(bytes).reduce((sum, part) => sum + part, 0);

const barsOf = (full: Record<string, number>, lora: Record<string, number>, height: number) =>
  roleBars([{ label: "full", byRole: full }, { label: "LoRA", byRole: lora }], height);

/** The part. */
export async function memoryPart(): Promise<Part> {
  return {
    title: "Memory",
    minutes: [40, 55],
    notebook: "Notebook 03",
    slides: [...await betweenSteps(), await inStep(), ...await byBatch()],
  };
}

/** Bytes by role between two steps in F32, with LoRA or without. */
export function bytesBetween(model: Architecture, lora?: Parameters<typeof trainingBytes>[2]) {
  const { quantized: _, ...bytes } = trainingBytes(model, "fp32", lora);
  return bytes;
}

async function betweenSteps(): Promise<Slide[]> {
  const [full, lora] = [undefined, qv].map((lora) => bytesBetween(architectureOf(config), lora));
  const numbers = {
    fewer: grouped(Math.round(full.weight / lora.adapter)),
    full: formatBytes(total(full)),
    lora: formatBytes(total(lora)),
    factor: (total(full) / total(lora)).toFixed(4),
  };
  return [{
    kind: "question",
    title: "By which factor do the bytes fall?",
    text: [
      "A trained value takes 16 bytes with Adam: itself, its gradient and two moments. " +
      "LoRA trains {fewer} times fewer values of GPT-3 175B (r = 4 on q and v).",
    ],
    choices: ["{fewer} times", "16 times", "4 times"],
    minute: 40,
    notes:
      "On the board: value, gradient, two moments, 4 bytes each. “16 bytes, so 16 times?” A frozen value still takes 4 of the 16.",
    numbers,
    figure: await formulasHtml(
      "\\underbrace{4}_{\\text{value}} + \\underbrace{4}_{\\text{gradient}} + " +
        "\\underbrace{4 + 4}_{\\text{moments}} = 16",
    ),
  }, {
    kind: "answer",
    title: "Four times, and never more",
    text: [
      "Between two steps: {full} and {lora}, {factor} times less. Frozen weights stay.",
    ],
    numbers,
    figure: await plotHtml(
      { id: "between", title: "", caption: "", ...barsOf(full, lora, 230) },
      "Two bars of bytes by role: full fine-tuning has weights, gradients and moments, LoRA weights.",
    ) + await formulasHtml("\\frac{16\\,P}{4\\,P + 16\\,P_t} < 4"),
    caption: "GPT-3 175B, F32, AdamW, r = 4 on q and v.",
    minute: 42,
    notes: "The 4 bytes of a frozen value stay. No rank changes that.",
  }];
}

async function inStep(): Promise<Slide> {
  const step = { batch: 1, length: 2048 };
  const full = gpt2StepBytes(config, step)!, lora = gpt2StepBytes(config, { ...step, lora: qv })!;
  return {
    title: "A step adds activations, and LoRA needs most of them",
    text: [
      "At the peak of a step with one sequence: {less} times less. The backward pass runs through " +
      "all layers, so only the inputs of frozen weights can be freed.",
    ],
    numbers: { less: (total(full) / total(lora)).toFixed(2) },
    figure: await plotHtml(
      { id: "peak", title: "", caption: "", ...barsOf({ ...full }, { ...lora }, 250) },
      "Two bars of bytes by role: activations are in both, gradients and moments in one.",
    ),
    caption: "GPT-3 175B, one sequence of 2,048 tokens, F32, AdamW, r = 4 on q and v.",
    quoted: "the paper prints 1.2 TB and 350 GB, without what is in them.",
    minute: 44,
    notes: "A factor is worth what you know about its two numbers.",
  };
}

const batches = [1, 2, 4, 8, 16, 32, 64];

async function byBatch(): Promise<Slide[]> {
  const factors = batches.map((batch) => {
    const step = { batch, length: 2048 };
    return total(gpt2StepBytes(config, step)!) /
      total(gpt2StepBytes(config, { ...step, lora: qv })!);
  });
  const below = batches[factors.findIndex((factor) => factor < 3)];
  const numbers = {
    below: `${below}`,
    last: factors.at(-1)!.toFixed(2),
    most: `${batches.at(-1)}`,
  };
  const figure = linesFigure({
    ...{ id: "batch", title: "", caption: "" },
    x: { title: "sequences of 2,048 tokens", log: true },
    y: { title: "times less memory" },
  }, [{ name: "LoRA", x: batches, y: factors }, {
    ...{ name: "three times", dashed: true, color: palette.paper },
    ...{ x: [1, batches.at(-1)!], y: [3, 3] },
  }]);
  return [{
    kind: "question",
    title: "More sequences in a step: does the factor go up or down?",
    text: [
      "So far a step had one sequence. Weights stay as they are; activations grow with tokens.",
    ],
    choices: ["up", "down", "it stays"],
    minute: 48,
    notes: "Weights stay as they are; activations grow with tokens.",
    figure: await formulasHtml(
      "\\frac{16\\,P + n\\,a_{\\mathrm{full}}}{4\\,P + 16\\,P_t + n\\,a_{\\mathrm{LoRA}}}",
    ),
    caption: "n sequences; a: bytes of activations of one.",
  }, {
    kind: "answer",
    title: "Down: “3 times” is for large models and few tokens",
    text: ["Below 3 from {below} sequences on; {last} at {most}."],
    numbers,
    figure: await plotHtml(figure, "A line that falls as the number of sequences grows."),
    caption: "GPT-3 175B by closed formulas, F32, AdamW, r = 4 on q and v.",
    minute: 50,
    notes: "From 8 sequences on activations take more than the weights.",
  }];
}
