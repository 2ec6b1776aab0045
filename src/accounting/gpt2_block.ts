/** What a GPT-2's blocks keep for the backward pass, and what that needs at its peak. @module */

import type { LayerSite } from "../architectures/layer_sites.ts";
import type { SiteRole } from "../core/site.ts";
import { evaluateFormula } from "./evaluate_formula.ts";

/** What is trained in the blocks. */
export interface BlockUpdates {
  /** The updates of one block. */
  readonly sites: readonly LayerSite[];
  /** r. */
  readonly rank: number;
  /** Whether dropout applies to their inputs. */
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

/** Which block it is of those of a model. */
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
export class Gpt2Blocks {
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
   * @param dropout Whether dropout applies to residuals.
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

  /** Whether the last block's feed-forward layer has fewer tokens than its attention. */
  get #picks(): boolean {
    const { b, s, n_lab } = this.#letters;
    return n_lab < b * s;
  }

  #place(at: number): BlockPlace {
    return { isFirst: at === 0, isLast: at === this.#letters.L - 1 };
  }

  /** What a block's feed-forward layer computes. */
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

  /** What the projection that contains a role keeps of its input, and x A of its updates. */
  #inputs(role: SiteRole, d_in: number, { b, s }: Extents): number {
    const input = bytes("stepInputBytes", { b, s, d_in });
    if (!this.#updates) return input;
    const { rank: r, dropout } = this.#updates, n_W = this.#sites(role).length;
    const copies = dropout ? n_W : Math.min(n_W, 1);
    return copies * input + bytes("stepHiddenBytes", { b, s, r, n_W });
  }

  /** What of that is a norm's result: it is freed, and computed once more if the norm has a backward pass. */
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

/** What a block's feed-forward layer keeps. */
function feedForward({ norm2, up, gelu, down }: Kept): number {
  return norm2 + up + gelu + down;
}

/** Every byte that a block keeps. */
function sum(kept: Kept): number {
  return Object.values(kept).reduce((total, some) => total + some, 0);
}

function bytes(name: string, values: Record<string, number>): number {
  return Number(evaluateFormula(name, values));
}
