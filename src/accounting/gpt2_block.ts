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

/** The blocks of a step: all trained, or with the same updates in each and the rest frozen. */
export class Gpt2Blocks {
  readonly #letters: BlockLetters;
  readonly #updates: BlockUpdates | undefined;

  /** Without updates everything is trained. */
  constructor(letters: BlockLetters, updates?: BlockUpdates) {
    this.#letters = letters;
    this.#updates = updates;
  }

  /** Bytes that `count` blocks keep. */
  keptBytes(count: number): number {
    return sum(this.#kept(true)) + (count - 1) * sum(this.#kept(false));
  }

  /**
   * The moment of the last block's forward pass that can be the peak of the step, where few tokens have a
   * label: the input, result and sum of its feed-forward layer.
   */
  get forwardMoment(): Moment {
    const { b, s, d } = this.#letters,
      isKept = this.#inputs("up", d) > 0 && !this.#updates?.dropout;
    const activation = bytes("stepResidualGradientBytes", { b, s, d, n_g: isKept ? 2 : 3 });
    return { activation, scratch: 0 };
  }

  /**
   * The moments of the last block's backward pass that can be the peak of the step, in order: no other
   * block begins with as much.
   *
   * @param isFirst Whether it is the only block.
   * @param dropout Whether dropout applies to its residuals.
   */
  moments(isFirst: boolean, dropout: boolean): Moment[] {
    const { b, s, d, d_ff, a } = this.#letters, kept = this.#kept(isFirst);
    // The first block's input has a gradient only if embeddings are trained.
    const residual = isFirst && this.#updates ? 0 : 1;
    const widths = (n_g: number) => bytes("stepResidualGradientBytes", { b, s, d, n_g });
    const projection = bytes("stepDownGradientBytes", { b, s, d, d_ff });
    const gelu = bytes("stepGeluGradientBytes", { b, s, d, d_ff });
    const query = bytes("stepAttentionScratchBytes", { b, s, a });
    const afterGelu = kept.down + kept.gelu, afterMlp = afterGelu + kept.up + kept.norm2;
    const afterOutput = afterMlp + kept.output;
    return [
      ...(dropout ? [{ activation: widths(3), scratch: 0 }] : []),
      { activation: projection, scratch: this.#scratch("down") },
      { activation: gelu - kept.down, scratch: 0 },
      { activation: projection - afterGelu, scratch: this.#scratch("up") },
      { activation: widths(2 + residual) - afterMlp, scratch: this.#scratch("o") },
      { activation: widths(4 + residual) - afterOutput, scratch: query },
    ];
  }

  #kept(isFirst: boolean): Kept {
    const { b, s, d, d_ff, a } = this.#letters;
    // With updates, gradients begin at the first of them.
    const input = !isFirst || this.#updates === undefined;
    const attention = input || this.#sites("q").length > 0;
    const middle = attention || this.#sites("o").length > 0;
    const norm = bytes("stepNormBytes", { b, s, d });
    const isShared = attention && !this.#updates?.dropout; // attention keeps its result anyway
    return {
      norm1: input ? norm : 0,
      input: this.#inputs("q", d),
      attention: attention ? bytes("stepAttentionBytes", { b, s, d, a }) : 0,
      output: this.#inputs("o", isShared ? 0 : d),
      norm2: middle ? norm : 0,
      up: this.#inputs("up", d),
      gelu: middle || this.#sites("up").length > 0
        ? bytes("stepInputBytes", { b, s, d_in: d_ff })
        : 0,
      down: this.#inputs("down", d_ff),
    };
  }

  /** What the projection that contains a role keeps of its input, and x A of its updates. */
  #inputs(role: SiteRole, d_in: number): number {
    const { b, s } = this.#letters, input = bytes("stepInputBytes", { b, s, d_in });
    if (!this.#updates) return input;
    const { rank: r, dropout } = this.#updates, n_W = this.#sites(role).length;
    const copies = dropout ? n_W : Math.min(n_W, 1);
    return copies * input + bytes("stepHiddenBytes", { b, s, r, n_W });
  }

  /** Updates of the projection that contains a role. */
  #sites(role: SiteRole): readonly LayerSite[] {
    return this.#updates?.sites.filter(({ layer }) => layer.parts[role]) ?? [];
  }

  #scratch(role: SiteRole): number {
    const [site] = this.#sites(role);
    if (!site) return 0;
    const { b, s } = this.#letters, { rank: r, dropout } = this.#updates!;
    return dropout
      ? bytes("stepDroppedUpdateScratchBytes", { b, s, r, d_in: site.layer.inputs })
      : bytes("stepUpdateScratchBytes", { b, s, r });
  }
}

/** Every byte that a block keeps. */
function sum(kept: Kept): number {
  return Object.values(kept).reduce((total, some) => total + some, 0);
}

function bytes(name: string, values: Record<string, number>): number {
  return Number(evaluateFormula(name, values));
}
