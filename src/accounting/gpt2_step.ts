/** The bytes of a GPT-2 training step from closed formulas, role by role. @module */

import {
  type Architecture,
  countParameters,
  type TensorSpec,
} from "../architectures/architecture.ts";
import { type ConfigJson, count } from "../architectures/config_fields.ts";
import { halfTensors } from "../architectures/half_tensors.ts";
import { gpt2Architecture, gpt2Sizes } from "../architectures/gpt2.ts";
import {
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
} from "../architectures/layer_sites.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";
import { type BlockLetters, Gpt2Blocks, type Moment } from "./gpt2_block.ts";
import { Gpt2Head, type HeadLetters } from "./gpt2_head.ts";
import { factorsOf } from "./lora_count.ts";
import { optimizerBytes, optimizerScratchBytes } from "./optimizer_bytes.ts";
import type { OptimizerName } from "./optimizers.ts";

/** A step in F32. */
export interface StepShape {
  /** Sequences in the batch. */
  readonly batch: number;
  /** Tokens per sequence. */
  readonly length: number;
  /** Tokens of a batch that have a label, the last of each sequence among them. Default: all. */
  readonly labeled?: number;
  /** Whether dropout applies to embeddings and residuals. */
  readonly dropout?: boolean;
  /** Low-rank adaptation, the same in every block. Default: full fine-tuning. */
  readonly lora?: SiteSelection & {
    /** r. */
    readonly rank: number;
    /** Whether dropout applies to the updates' inputs. */
    readonly dropout?: boolean;
  };
  /** How a frozen base stores the matrices that may be in 16 bits. Default `F32`. */
  readonly dtype?: "F32" | "F16" | "BF16";
  /** The optimizer whose state is counted. Default `adamw`. */
  readonly optimizer?: OptimizerName;
}

/** Bytes at the peak of a step. */
export interface StepBytes {
  /** The base model. */
  readonly weight: number;
  /** A and B of every update. */
  readonly adapter: number;
  /** Gradients of what is trained. */
  readonly gradient: number;
  /** State of what is trained: two moments with AdamW. */
  readonly optimizer: number;
  /** Results of the forward pass and their gradients that exist at the same time. */
  readonly activation: number;
  /** Temporary buffers of kernels, and the numbers that are reported. */
  readonly scratch: number;
}

/**
 * Bytes by role at the peak of a training step of a GPT-2, in F32: what the `dry` device measures by
 * running it (with AdamW, in F32 or 8 bits), from formulas that can be checked by hand.
 * With activation checkpointing there are none: `predictMemory` runs such a step.
 *
 * @returns Undefined if there is no closed formula: another family or head, blocks that are not adapted
 * alike, or a single block, or two where some token has no label, whose attention input projection is not adapted.
 * @throws {RangeError} when the configuration lacks a field, a selection matches nothing, or no token has a label.
 *
 * @example
 * ```ts
 * import { gpt2StepBytes } from "@lowrank/core/accounting";
 * import { catalog } from "@lowrank/core/architectures";
 *
 * const lora = { rank: 4, sites: ["q", "v"] };
 * const bytes = gpt2StepBytes(catalog["gpt3-175b"].config, { batch: 1, length: 2048, lora });
 * console.log(bytes?.optimizer); // 150994944, 8 for each of 18,874,368 trained values
 * ```
 */
export function gpt2StepBytes(config: ConfigJson, shape: StepShape): StepBytes | undefined {
  if (config.model_type !== "gpt2") return undefined;
  const architecture = gpt2Architecture(config),
    { tensors, linears, head } = architecture,
    { lora } = shape;
  assertLabeled(shape);
  if (head !== "language") return undefined;
  const updates = lora && selectLayerSites(linears, lora);
  const step = letters(config, shape);
  if (updates && !areAlike(step, updates)) return undefined;
  const trained = updates ? factorsOf(updates, lora!.rank) : tensors;
  const P_t = countParameters(trained);
  const { optimizer = "adamw" } = shape;
  const blocks = blocksOf(step, lora, updates), isFull = updates === undefined;
  const peak = highest(moments(step, blocks, isFull, shape.dropout ?? false));
  return {
    weight: baseBytes(architecture, shape),
    adapter: updates ? bytes("trainedBytesFp32", { P_t }) : 0,
    gradient: bytes("gradientBytesFp32", { P_t }),
    optimizer: optimizerBytes(optimizer, trained),
    activation: keptBytes(step, blocks, isFull) + peak.activation,
    scratch: bytes("stepNormScratchBytes", { P_a: aligned(trained) }) +
      optimizerScratchBytes(optimizer, trained) + peak.scratch,
  };
}

function baseBytes(architecture: Architecture, { dtype = "F32" }: StepShape): number {
  const all = countParameters(architecture.tensors);
  const half = dtype === "F32" ? 0 : countParameters(halfTensors(architecture));
  return bytes("frozenBytesFp32", { P_f: all - half }) + bytes("frozenBytesHalf", { P_f: half });
}

function bytes(name: string, values: FormulaValues): number {
  return Number(evaluateFormula(name, values));
}

function assertLabeled({ batch, length, labeled = batch * length }: StepShape): void {
  if (Number.isInteger(labeled) && labeled >= batch && labeled <= batch * length) return;
  throw new RangeError(
    `a step needs ${batch} to ${batch * length} tokens with a label, found ${labeled}`,
  );
}

interface Letters extends BlockLetters, HeadLetters {
  readonly n_pos: number;
}

function letters(config: ConfigJson, { batch, length, labeled }: StepShape): Letters {
  const sizes = gpt2Sizes(config);
  return {
    b: batch,
    s: length,
    L: sizes.n_layer,
    d: sizes.n_embd,
    d_ff: sizes.n_inner,
    a: count(config, "n_head"),
    n_voc: sizes.vocab_size,
    n_lab: labeled ?? batch * length,
    n_pos: sizes.n_positions,
  };
}

/**
 * Whether every block has the same updates, and gradients pass through all of each that can have the peak: of the
 * last one, and where that computes fewer tokens of the one before.
 */
function areAlike({ b, s, L, n_lab }: Letters, updates: readonly LayerSite[]): boolean {
  const places = Map.groupBy(updates, ({ name }) => name.replace(/\.\d+\./, "."));
  const isWhole = L > (n_lab < b * s ? 2 : 1) || updates.some(({ layer }) => layer.parts.q);
  return isWhole && [...places.values()].every(({ length }) => length === L);
}

function aligned(tensors: readonly TensorSpec[]): number {
  return tensors.reduce(
    (sum, tensor) => sum + bytes("alignedParameters", { P: countParameters([tensor]) }),
    0,
  );
}

/** The updates of one block. */
function blocksOf(
  step: Letters,
  lora: StepShape["lora"],
  updates?: readonly LayerSite[],
): Gpt2Blocks {
  if (!updates) return new Gpt2Blocks(step);
  const sites = updates.slice(0, updates.length / step.L);
  return new Gpt2Blocks(step, { sites, rank: lora!.rank, dropout: lora!.dropout ?? false });
}

/** Everything that blocks keep of a forward pass, and the indices that are there until the end of a step. */
function keptBytes(step: Letters, blocks: Gpt2Blocks, isFull: boolean): number {
  const { b, s, n_voc, n_pos } = step;
  return blocks.keptBytes + bytes("stepTokenBytes", { b, s }) +
    (isFull ? bytes("stepIndexBytes", { b, s, n_voc, n_pos }) : 0);
}

/** The moments that can be the peak of a step, in order. */
function moments(step: Letters, blocks: Gpt2Blocks, isFull: boolean, dropout: boolean): Moment[] {
  const head = new Gpt2Head(step, isFull), { keptBytes } = head;
  return [
    ...blocks.forwardMoments(),
    ...head.moments(),
    ...blocks.moments(dropout).map(({ activation, scratch }) => {
      return { activation: activation + keptBytes, scratch };
    }),
  ];
}

function highest(moments: Moment[]): Moment {
  const total = ({ activation, scratch }: Moment) => activation + scratch;
  return moments.reduce((best, next) => total(next) > total(best) ? next : best);
}
