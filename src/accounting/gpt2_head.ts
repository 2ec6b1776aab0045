/** What a GPT-2's last norm, head and loss take: of tokens with a label, in blocks of rows. @module */

import { cutRange } from "../core/row_range.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";
import type { Moment } from "./gpt2_block.ts";

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
  /** How many it has. */
  readonly rows: number;
  /** How many blocks there are with it. */
  readonly number: number;
}

/** Values between two beginnings that a view may have: 256 bytes. */
const alignedValues = 64;

/** The last norm, head and loss of a step. */
export class Gpt2Head {
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

  /** Which tokens have a label, unless all have one. */
  get #pickBytes(): number {
    const { b, s, n_lab } = this.#letters;
    return n_lab < b * s ? bytes("stepPickBytes", { b, s, n_lab }) : 0;
  }
}

function bytes(name: string, values: FormulaValues): number {
  return Number(evaluateFormula(name, values));
}
