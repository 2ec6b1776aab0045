/** LoRA on one matrix of the width that the paper's claims are about. @module */

import { DeviceError } from "../../src/core/errors.ts";
import { grouped } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { type RoleBar, roleBars, table } from "../../src/figures/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Experiment, experiment } from "../frame/mod.ts";
import { gpt3 } from "../gpt3.ts";
import { type MatrixResult, measureMatrix, rank } from "./measure.ts";

/** Width of a quick run, and the least that a device must hold. */
const quickWidth = 768;

/** F32 rounding of sums of 12,288 terms stays far below this share of the largest. */
const tolerance = 1e-4;

/** The matrix, or the largest half, quarter … of it that the device holds twice. */
async function measureLargest(device: Device, width: number): Promise<MatrixResult> {
  try {
    return await measureMatrix(device, width);
  } catch (error) {
    if (!(error instanceof DeviceError) || width <= quickWidth) throw error;
    return await measureLargest(device, width / 2);
  }
}

const isGpt3s = (width: number): boolean => width === gpt3.n_embd;

/** Bytes of the weight and of the adapter at the peak of an unmerged forward pass. */
const unmergedBytes = ({ moments }: MatrixResult) =>
  moments.find(({ label }) => label === "forward, unmerged")!.reading.peakByRole;

/**
 * Bars of the run's memory, and of the memory that training W itself would hold between steps: 16
 * bytes per value.
 */
function barsOf({ moments, width }: MatrixResult): RoleBar[] {
  const bars = moments.filter(({ label }) => /unmerged|, merged/.test(label))
    .map(({ label, reading }) => ({ label, byRole: reading.peakByRole }));
  const values = width ** 2, none = { quantized: 0, adapter: 0, activation: 0, scratch: 0 };
  const full = { ...none, weight: 4 * values, gradient: 4 * values, optimizer: 8 * values };
  return [...bars, { label: "trained with AdamW (not run)", byRole: full }];
}

/** LoRA on one matrix of GPT-3's width: forward, merge, unmerge. */
export const matrix: Experiment = experiment({
  name: "matrix",
  seconds: 5,
  title: "LoRA on one matrix of GPT-3's size",
  question:
    "Does LoRA do what the paper says on a matrix of GPT-3's size, 12,288 x 12,288, which takes 604 MB?",
  source: "Hu et al. 2021, sections 4.1 and 4.2",
  rows: (_, { device, quick }) => measureLargest(device, quick ? quickWidth : gpt3.n_embd),
  settings: ({ width }) =>
    `Rank ${rank} on one matrix of ${grouped(width)} x ${grouped(width)}${
      isGpt3s(width) ? "" : ", smaller than GPT-3's"
    }, random weights, F32, 16 tokens. Times of forward passes are the median of 5 and include reading ` +
    "the outputs, one step after another: they follow what else the machine does. Where a kernel cannot bind the whole matrix, products are computed by blocks of rows.",
  claims: [{
    // A quick run and a small device do not reach GPT-3's width.
    text: ({ width }) =>
      `At ${isGpt3s(width) ? "GPT-3's width" : `width ${grouped(width)}, below GPT-3's`}, ` +
      "merging changes outputs only by rounding, and unmerging restores every bit",
    rule:
      `when merged and unmerged outputs differ by at most ${tolerance} of the largest output, 64 ` +
      "outputs of each token differ from float64 by no more than that, and every weight keeps its bits",
    ...said.matrixUnmerged,
    ours: ({ mergeError, changed }) =>
      `differ by ${mergeError.toExponential(0)}; ${changed} weights changed`,
    holds: ({ largest, mergeError, error, changed }) =>
      Math.max(mergeError, error) <= tolerance * largest && changed === 0,
    found: ({ width, largest, error }) =>
      `Outputs are up to ${largest.toFixed(2)} and differ from float64 by at most ` +
      `${error.toExponential(1)}; there are ${grouped(width ** 2)} weights.`,
  }, {
    text: "An update of rank r takes 2r / d of the memory of its d x d matrix",
    rule:
      "when, by the device's own record of its bytes, the weight has exactly d / 2r times the bytes of the adapter",
    exact: true,
    ...said.matrixBytes,
    ours: (result) => `d / 2r = ${grouped(result.width / (2 * rank))} times smaller`,
    holds(result) {
      const { weight, adapter } = unmergedBytes(result);
      return weight / adapter === result.width / (2 * rank);
    },
    found(result) {
      const { weight, adapter } = unmergedBytes(result), times = grouped(weight / adapter);
      return `${grouped(weight)} and ${grouped(adapter)} bytes: ${times} times at r = ${rank}.`;
    },
  }],
  tables: [({ moments }) =>
    table({
      id: "gpt3-matrix",
      title: "Time of each step, and bytes at its peak",
      columns: [
        ["label", "step", "text"],
        ["ms", "time (ms)", "time"],
        ["weight", "weight", "bytes", ({ reading }) => reading.peakByRole.weight],
        ["adapter", "adapter", "bytes", ({ reading }) => reading.peakByRole.adapter],
        ["activation", "activation", "bytes", ({ reading }) => reading.peakByRole.activation],
        ["peak", "total", "bytes", ({ reading }) => reading.peak],
        ["live", "live afterwards", "bytes", ({ reading }) => reading.live],
      ],
      rows: moments,
    })],
  figures: [(result, { device }) => ({
    id: "gpt3-matrix",
    title: `Bytes of one matrix of width ${grouped(result.width)}`,
    caption:
      `${device.description}. The last bar is computed: weight, gradient and two moments at ` +
      "4 bytes per value.",
    ...roleBars(barsOf(result), 300),
  })],
});
