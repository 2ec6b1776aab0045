/** One matrix of GPT-3, run: LoRA at the width that the paper's claims are about. @module */

import { DeviceError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/device.ts";
import type { DataTable, Figure } from "../../src/figures/figure.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { gpt3 } from "../gpt3.ts";
import { type RoleBar, roleBars } from "../role_bars.ts";
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

const format = (value: number): string => value.toLocaleString("en-US");

const isGpt3s = (width: number): boolean => width === gpt3.n_embd;

/** What the claim is about, which a quick run and a small device do not reach. */
const widthOf = (width: number): string =>
  isGpt3s(width) ? "GPT-3's width" : `width ${format(width)}, below GPT-3's,`;

function exactFinding({ width, largest, mergeError, error, changed }: MatrixResult): Finding {
  return {
    claim: `At ${widthOf(width)} merging changes outputs by rounding only, and unmerging no bit`,
    rule:
      `held when outputs merged and unmerged differ from each other, and 64 of each token from ` +
      `float64, by at most ${tolerance} of the largest, and no weight has other bits than before`,
    found: `${format(width)} x ${format(width)}: outputs up to ${largest.toFixed(2)} differ by ${
      mergeError.toExponential(1)
    }, and from float64 by ${error.toExponential(1)}; ${changed} of ${
      format(width ** 2)
    } weights changed.`,
    verdict: Math.max(mergeError, error) <= tolerance * largest && changed === 0
      ? "held"
      : "not held at this scale",
  };
}

function bytesFinding({ width, moments }: MatrixResult): Finding {
  const { weight, adapter } = moments.find(({ label }) => label === "forward, unmerged")!.reading
    .peakByRole;
  const ratio = weight / adapter;
  return {
    claim: "An update of rank r takes 2r / d of its matrix of width d",
    rule:
      "held when the ledger's bytes of the weight are exactly d / 2r times those of the adapter",
    found: `${format(weight)} bytes and ${format(adapter)}: ${format(ratio)} times at r = ${rank}.`,
    verdict: ratio === width / (2 * rank) ? "held" : "differs from the paper",
  };
}

function matrixTable({ moments }: MatrixResult): DataTable {
  return {
    id: "gpt3-matrix",
    title: "What each step takes: its time, and the bytes at its peak",
    columns: [
      { key: "label", label: "step", unit: "text" },
      { key: "ms", label: "time (ms)", unit: "time" },
      { key: "weight", label: "weight", unit: "bytes" },
      { key: "adapter", label: "adapter", unit: "bytes" },
      { key: "activation", label: "activation", unit: "bytes" },
      { key: "peak", label: "all", unit: "bytes" },
      { key: "live", label: "left after it", unit: "bytes" },
    ],
    rows: moments.map(({ label, ms, reading: { live, peak, peakByRole } }) => ({
      label,
      ms,
      peak,
      live,
      ...peakByRole,
    })),
  };
}

/** What was run beside what training W itself would hold between steps: 16 bytes a value. */
function barsOf({ moments, width }: MatrixResult): RoleBar[] {
  const bars = moments.filter(({ label }) => /unmerged|, merged/.test(label))
    .map(({ label, reading }) => ({ label, byRole: reading.peakByRole }));
  const values = width ** 2, none = { quantized: 0, adapter: 0, activation: 0, scratch: 0 };
  const full = { ...none, weight: 4 * values, gradient: 4 * values, optimizer: 8 * values };
  return [...bars, { label: "trained with AdamW (not run)", byRole: full }];
}

function matrixFigure(result: MatrixResult, device: string): Figure {
  return {
    id: "gpt3-matrix",
    title: `Bytes of one matrix of ${isGpt3s(result.width) ? "GPT-3" : `width ${result.width}`}`,
    caption:
      `From the ledger; ${device}. The last bar is arithmetic: a weight, its gradient and two ` +
      "moments of 4 bytes a value.",
    ...roleBars(barsOf(result), "GB", 300),
  };
}

/** LoRA on one matrix of GPT-3's width: forward, merge, unmerge. */
export const matrix: Experiment = {
  name: "matrix",
  title: "One matrix of GPT-3, run",
  question:
    "Does LoRA keep its promises on a matrix of GPT-3's own size, 12,288 x 12,288, which takes 604 MB?",
  source: "Hu et al. 2021, sections 4.1 and 4.2",
  async run({ device, quick, report }) {
    const result = await measureLargest(device, quick ? quickWidth : gpt3.n_embd);
    const { width } = result;
    report(1, `ran ${width} x ${width}`);
    return {
      settings:
        `Rank ${rank} on one matrix of ${format(width)} x ${format(width)}${
          isGpt3s(width) ? "" : ", smaller than GPT-3's"
        }, random weights, F32, 16 tokens; forward passes are the median of 5, read back. Where a kernel ` +
        "binds less than the matrix, products go over it by rows.",
      findings: [exactFinding(result), bytesFinding(result)],
      tables: [matrixTable(result)],
      figures: [matrixFigure(result, device.description)],
    };
  },
};
