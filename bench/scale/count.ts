/** Theoretical cost of a step or a spectrum: multiplications, additions and bytes. @module */

import {
  evaluateFormulaRatio,
  type FormulaValues,
  gpt2StepBytes,
  loraCounts,
} from "../../src/accounting/mod.ts";
import { architectureOf } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { configOf, openStep, selectionOf } from "./step.ts";
import type { Method, StepSize, UpdateSize } from "./sweeps.ts";

/** Cost by theory. */
export interface Count {
  /** Multiplications and additions: of a step, of all that it launches. */
  readonly flops: number;
  /** Operations by a formula that has a name. */
  readonly formulaFlops: number;
  /** Cost of a step. */
  readonly step?: {
    /** Kernels that it launches. */
    readonly launches: number;
    /** Bytes at its peak, and of these what is trained with gradients and moments, on `dry`. */
    readonly bytes: StepBytes;
    /** Bytes at its peak by the closed formulas, where there are any. */
    readonly formulaBytes?: number;
  };
}

/** Bytes of a step. */
export interface StepBytes {
  /** All bytes at the peak. */
  readonly peak: number;
  /** Bytes of the trained values, their gradients and their moments. */
  readonly trained: number;
}

/** The formulas and works that theory is taken from. */
export const sources = {
  lora: "adaptedComputePerToken",
  full: "fullComputePerToken",
  spectra: "Golub and Van Loan 2013, 5.2.1 and 8.6.3",
} as const;

/** The bytes of a ledger that a sweep is about; with LoRA the model's own weights are not trained. */
export function stepBytes({ peak, peakByRole }: LedgerReading, method: Method): StepBytes {
  const { adapter, gradient, optimizer, weight } = peakByRole;
  return { peak, trained: (method === "lora" ? adapter : weight) + gradient + optimizer };
}

/** Counts the cost of a training step, on the dry device. */
export async function countStep(size: StepSize, method: Method): Promise<Count> {
  using device = new DryDevice();
  using step = openStep(device, size, method);
  const { launches } = await device.trace(() => step.run());
  const flops = launches.reduce(
    (sum, { kernel, scalars }) => sum + (kernel.flops?.(scalars) ?? 0),
    0,
  );
  const bytes = stepBytes(device.ledger.read(), method), formulaBytes = closedBytes(size, method);
  return {
    ...{ flops, formulaFlops: formulaFlops(size, method) },
    step: { launches: launches.length, bytes, ...(formulaBytes && { formulaBytes }) },
  };
}

/** Tokens times the formula's operations for one; P counts the matrices that multiply, the tied head's too. */
function formulaFlops(size: StepSize, method: Method): number {
  const { linears } = architectureOf(configOf(size));
  const P = linears.filter(({ kind, name }) => kind === "linear" || /wte|lm_head/.test(name))
    .reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
  const P_t = loraCounts({ linears }, size.rank, selectionOf(size))
    .reduce((sum, { parameters }) => sum + parameters, 0);
  const letters: FormulaValues = method === "lora" ? { P_f: P, P_t } : { P };
  return size.batch * size.time * evaluateFormulaRatio(sources[method], letters);
}

/** The closed formulas need the same updates in every block. */
function closedBytes(size: StepSize, method: Method): number | undefined {
  const lora = { rank: size.rank, ...selectionOf(size) };
  const { batch, time: length } = size;
  const shape = { batch, length, ...(method === "lora" && { lora }) };
  const bytes = gpt2StepBytes(configOf(size), shape);
  return bytes && Object.values(bytes).reduce((sum, some) => sum + some, 0);
}

/**
 * The singular values of an update from its factors: triangles of A and B, which take 2 r² (d − r / 3) each, their
 * product, 2 r³, and its values, 8 r³ / 3.
 */
export function countSpectra({ width, rank, modules }: UpdateSize): Count {
  const flops = modules * (4 * rank ** 2 * (width - rank / 3) + 14 / 3 * rank ** 3);
  return { flops, formulaFlops: flops };
}
