/** The bytes of a GPT-2 training step from closed formulas, role by role. @module */

import {
  type Architecture,
  countParameters,
  type TensorSpec,
} from "../architectures/architecture.ts";
import { type ConfigJson, count } from "../architectures/config_fields.ts";
import { gpt2Architecture, gpt2Sizes } from "../architectures/families/gpt2.ts";
import { halfTensors } from "../architectures/registry.ts";
import { type LayerSite, selectLayerSites, type SiteSelection } from "../architectures/sites.ts";
import { cutRange, type SiteRole } from "../core/update.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";
import { factorsOf } from "./method_counts.ts";
import type { OptimizerName } from "./optimizers.ts";
import { optimizerBytes, optimizerScratchBytes } from "./training_bytes.ts";

/** Updates of the blocks. */
export interface BlockUpdates {
  /** The updates of one block. */
  readonly sites: readonly LayerSite[];
  /** r. */
  readonly rank: number;
  /** True if dropout applies to their inputs. */
  readonly dropout: boolean;
}

/** The extents of a step that its blocks depend on. */
export interface BlockLetters {
  /** Sequences. */
  readonly b: number;
  /** Tokens per sequence. */
  readonly s: number;
  /** Width of the model. */
  readonly d: number;
  /** Width of the feed-forward layer. */
  readonly d_ff: number;
  /** Heads. */
  readonly a: number;
  /** Tokens of the batch that have a label: the last block's feed-forward layer computes these alone. */
  readonly n_lab: number;
  /** Blocks. */
  readonly L: number;
}

/** Position of a block in a model. */
interface BlockPlace {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Bytes that each operation of a block keeps until its backward function has run. */
interface Kept {
  readonly norm1: number;
  readonly input: number;
  readonly attention: number;
  readonly output: number;
  readonly norm2: number;
  readonly up: number;
  readonly gelu: number;
  readonly down: number;
}

/** A moment of a step, beside what blocks keep. */
export interface Moment {
  /** Bytes of values and gradients, less what blocks kept and is freed. */
  readonly activation: number;
  /** Bytes of temporary buffers. */
  readonly scratch: number;
}

/** Sequences and tokens of each. */
type Extents = Pick<BlockLetters, "b" | "s">;

/** The blocks of a step: all trained, or with the same updates in each and the rest frozen. */
class Gpt2Blocks {
  readonly #letters: BlockLetters;
  readonly #updates: BlockUpdates | undefined;

  /** Without updates everything is trained. */
  constructor(letters: BlockLetters, updates?: BlockUpdates) {
    this.#letters = letters;
    this.#updates = updates;
  }

  /** Bytes that all blocks keep. */
  get keptBytes(): number {
    const places = Array.from({ length: this.#letters.L }, (_, at) => this.#place(at));
    return places.reduce((total, place) => total + sum(this.#kept(place)), 0);
  }

  /**
   * The moments of the last block's forward pass that can be the peak of the step, where few tokens have a
   * label: the sums of its feed-forward layer and, where that computes fewer tokens, of its attention.
   */
  forwardMoments(): Moment[] {
    const last = this.#place(this.#letters.L - 1), kept = this.#kept(last);
    const rows = this.#feedForwardExtents(last);
    const attention = this.#sumBytes(kept.norm1, kept.input) - feedForward(kept);
    return [
      ...this.#picks ? [{ activation: attention, scratch: 0 }] : [],
      { activation: this.#sumBytes(kept.norm2, kept.up, rows), scratch: 0 },
    ];
  }

  /** A layer's result and its sum with the residual; that and its norm, which is computed once more, if not kept. */
  #sumBytes(norm: number, input: number, rows?: Extents): number {
    const isKept = norm === 0 && input > 0 && !this.#updates?.dropout;
    return this.#widths(2 + Number(norm === 0) + Number(!isKept), rows);
  }

  /**
   * The moments of the backward pass that can be the peak of the step, in order: those of the last block and,
   * where that computes fewer tokens, of the one before. No other begins with as much.
   *
   * @param dropout True if dropout applies to residuals.
   */
  moments(dropout: boolean): Moment[] {
    const { L } = this.#letters, last = this.#place(L - 1);
    const before = this.#picks && L > 1 ? this.#momentsOf(this.#place(L - 2), dropout) : [];
    const freed = sum(this.#kept(last));
    return [
      ...this.#momentsOf(last, dropout),
      ...before.map(({ activation, scratch }) => ({ activation: activation - freed, scratch })),
    ];
  }

  /** In the order of the backward pass. */
  #momentsOf(place: BlockPlace, dropout: boolean): Moment[] {
    const { b, s, d, d_ff, a, n_lab } = this.#letters, kept = this.#kept(place);
    // The first block's input has a gradient only if embeddings are trained.
    const residual = place.isFirst && this.#updates ? 0 : 1, rows = this.#feedForwardExtents(place);
    const projection = bytes("stepDownGradientBytes", { ...rows, d, d_ff });
    const gelu = bytes("stepGeluGradientBytes", { ...rows, d, d_ff });
    const query = bytes("stepAttentionScratchBytes", { b, s, a });
    const up = projection + this.#normalized("up", rows);
    const afterGelu = kept.down + kept.gelu, afterMlp = feedForward(kept);
    const picked = place.isLast && this.#picks
      ? this.#widths(1) + bytes("stepRowBytes", { n_row: n_lab, d })
      : 0;
    return [
      ...(dropout ? [{ activation: this.#widths(3, rows), scratch: 0 }] : []),
      { activation: projection, scratch: this.#scratch("down", rows) },
      { activation: gelu - kept.down, scratch: 0 },
      { activation: up - afterGelu, scratch: this.#scratch("up", rows) },
      { activation: picked - afterMlp, scratch: 0 },
      { activation: this.#widths(2 + residual) - afterMlp, scratch: this.#scratch("o", { b, s }) },
      { activation: this.#widths(4 + residual) - afterMlp - kept.output, scratch: query },
    ];
  }

  /** True if the last block's feed-forward layer computes fewer tokens than its attention. */
  get #picks(): boolean {
    const { b, s, n_lab } = this.#letters;
    return n_lab < b * s;
  }

  #place(at: number): BlockPlace {
    return { isFirst: at === 0, isLast: at === this.#letters.L - 1 };
  }

  /** Batch and length of the tokens that a block's feed-forward layer computes. */
  #feedForwardExtents({ isLast }: BlockPlace): Extents {
    const { b, s, n_lab } = this.#letters;
    return isLast && this.#picks ? { b: 1, s: n_lab } : { b, s };
  }

  #widths(n_g: number, { b, s }: Extents = this.#letters): number {
    return bytes("stepResidualGradientBytes", { b, s, d: this.#letters.d, n_g });
  }

  #kept(place: BlockPlace): Kept {
    const { b, s, d, d_ff, a } = this.#letters, all = { b, s };
    const rows = this.#feedForwardExtents(place);
    // With updates, gradients begin at the first of them.
    const input = !place.isFirst || this.#updates === undefined;
    const attention = input || this.#sites("q").length > 0;
    const middle = attention || this.#sites("o").length > 0;
    const isShared = attention && !this.#updates?.dropout; // attention keeps its result anyway
    return {
      norm1: input ? bytes("stepNormBytes", { ...all, d }) : 0,
      input: this.#inputs("q", d, all) - (input ? this.#normalized("q", all) : 0),
      attention: attention ? bytes("stepAttentionBytes", { ...all, d, a }) : 0,
      output: this.#inputs("o", isShared ? 0 : d, all),
      norm2: middle ? bytes("stepNormBytes", { ...rows, d }) : 0,
      up: this.#inputs("up", d, rows) - (middle ? this.#normalized("up", rows) : 0),
      gelu: middle || this.#sites("up").length > 0
        ? bytes("stepInputBytes", { ...rows, d_in: d_ff })
        : 0,
      down: this.#inputs("down", d_ff, rows),
    };
  }

  /** Bytes that the projection that contains a role keeps: its input, and x A of its updates. */
  #inputs(role: SiteRole, d_in: number, { b, s }: Extents): number {
    const input = bytes("stepInputBytes", { b, s, d_in });
    if (!this.#updates) return input;
    const { rank: r, dropout } = this.#updates, n_W = this.#sites(role).length;
    const copies = dropout ? n_W : Math.min(n_W, 1);
    return copies * input + bytes("stepHiddenBytes", { b, s, r, n_W });
  }

  /**
   * Bytes of that input if it is a norm's result: it is freed, and computed once more if the norm
   * has a backward pass.
   */
  #normalized(role: SiteRole, extents: Extents): number {
    if (this.#updates?.dropout) return 0;
    return this.#inputs(role, this.#letters.d, extents) - this.#inputs(role, 0, extents);
  }

  /** Updates of the projection that contains a role. */
  #sites(role: SiteRole): readonly LayerSite[] {
    return this.#updates?.sites.filter(({ layer }) => layer.parts[role]) ?? [];
  }

  #scratch(role: SiteRole, { b, s }: Extents): number {
    const [site] = this.#sites(role);
    if (!site) return 0;
    const { rank: r, dropout } = this.#updates!;
    return dropout
      ? bytes("stepDroppedUpdateScratchBytes", { b, s, r, d_in: site.layer.inputs })
      : bytes("stepUpdateScratchBytes", { b, s, r });
  }
}

/** Bytes that a block's feed-forward layer keeps. */
function feedForward({ norm2, up, gelu, down }: Kept): number {
  return norm2 + up + gelu + down;
}

/** Every byte that a block keeps. */
function sum(kept: Kept): number {
  return Object.values(kept).reduce((total, some) => total + some, 0);
}

/** The extents of a step that its head and loss depend on. */
export interface HeadLetters {
  /** Sequences. */
  readonly b: number;
  /** Tokens per sequence. */
  readonly s: number;
  /** Width of the model. */
  readonly d: number;
  /** Tokens in the vocabulary. */
  readonly n_voc: number;
  /** Tokens of the batch that have a label. */
  readonly n_lab: number;
}

/** A block of rows, whose backward pass runs before the next one's forward pass. */
interface OutputBlock {
  /** Its first row. */
  readonly start: number;
  /** Number of its rows. */
  readonly rows: number;
  /** Number of blocks that have it. */
  readonly number: number;
}

/** Values between two beginnings that a view may have: 256 bytes. */
const alignedValues = 64;

/** The last norm, head and loss of a step. */
class Gpt2Head {
  readonly #letters: HeadLetters;
  readonly #isTrained: boolean;
  readonly #blocks: readonly OutputBlock[];

  /** A head that is trained keeps its input. */
  constructor(letters: HeadLetters, isTrained: boolean) {
    const { n_lab, n_voc } = letters, n_blk = bytes("stepBlocks", { n_lab, n_voc });
    this.#letters = letters;
    this.#isTrained = isTrained;
    this.#blocks = cutRange(n_lab, bytes("stepBlockRows", { n_lab, n_blk })).map(
      ({ start, count }, i) => ({ start, rows: count, number: i + 1 }),
    );
  }

  /** Bytes that are there from the loss to the end of the step. */
  get keptBytes(): number {
    const { n_lab } = this.#letters, n_blk = this.#blocks.length;
    return this.#pickBytes + bytes("stepLabelBytes", { n_lab, n_blk }) +
      bytes("stepSumBytes", { n_blk });
  }

  /**
   * The moments that can be the peak of the step, in order: a block's head, its backward pass, and that of the
   * last norm. That of picking tokens has less than the trunk's.
   */
  moments(): Moment[] {
    const { d, n_lab } = this.#letters;
    return [
      // The last block may have fewer rows than the others, the one before it be a view, and labels add up.
      ...this.#blocks.slice(-3).flatMap((block) => this.#momentsOf(block)),
      this.keptBytes + bytes("stepLastNormBytes", { n_lab, d }),
    ].map((activation) => ({ activation, scratch: 0 }));
  }

  #momentsOf({ start, rows: n_row, number: n_blk }: OutputBlock): number[] {
    const { d, n_voc, n_lab } = this.#letters;
    const states = (n_row: number) => bytes("stepRowBytes", { n_row, d });
    const isCopied = start * d % alignedValues > 0, isLast = n_blk === this.#blocks.length;
    const copy = isCopied ? states(n_row) : 0;
    const labels = (n_lab: number, n_blk: number) => bytes("stepLabelBytes", { n_lab, n_blk });
    const kept = this.#pickBytes + bytes("stepLastInputBytes", { n_lab, d }) +
      (n_blk > 1 ? states(n_lab) : 0);
    // In the end the last norm's result is freed, and computed once more where a trained head reads it.
    const isRead = !isLast || this.#isTrained && !isCopied;
    return [
      kept + labels(start, n_blk - 1) + states(n_lab) + copy +
      bytes("stepBlockOutputBytes", { n_row, n_voc }),
      kept + labels(start + n_row, n_blk) + (isRead ? states(n_lab) : 0) +
      (this.#isTrained ? copy : 0) + bytes("stepBlockHeadBytes", { n_row, n_voc, d }),
    ];
  }

  /** Bytes of the indexes of tokens with a label, unless all have one. */
  get #pickBytes(): number {
    const { b, s, n_lab } = this.#letters;
    return n_lab < b * s ? bytes("stepPickBytes", { b, s, n_lab }) : 0;
  }
}

/** A step in F32. */
export interface StepShape {
  /** Sequences in the batch. */
  readonly batch: number;
  /** Tokens per sequence. */
  readonly length: number;
  /** Tokens of a batch that have a label, the last of each sequence among them. Default: all. */
  readonly labeled?: number;
  /** True if dropout applies to embeddings and residuals. */
  readonly dropout?: boolean;
  /** Low-rank adaptation, the same in every block. Default: full fine-tuning. */
  readonly lora?: SiteSelection & {
    /** r. */
    readonly rank: number;
    /** True if dropout applies to the updates' inputs. */
    readonly dropout?: boolean;
  };
  /** Stored type of the matrices of a frozen base that may be in 16 bits. Default `F32`. */
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
 * running it (with AdamW), from formulas that can be checked by hand.
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
 * True if every block has the same updates, and gradients pass through all of each that can have
 * the peak: of the last one, and where that computes fewer tokens of the one before.
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
