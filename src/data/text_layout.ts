/** How a batch of texts is laid out: a row for each, as long as the longest. @module */

import type { Batch } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { boundsOf } from "../core/numbers.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { RowTotals } from "./row_groups.ts";
import type { TextRow } from "./text_rows.ts";
import type { Texts } from "./texts.ts";
import { packBatch } from "./token_rows.ts";

/** A layout of batches. */
export interface TextLayout {
  /** Tokens that a model reads of a row. */
  readonly lengthOf: (row: TextRow) => number;
  /** Tokens that are computed for some rows, with padding. */
  readonly tokensOf: (totals: RowTotals) => number;
  /** The batch of some rows. */
  readonly pack: (rows: readonly TextRow[]) => Batch;
}

/** What fills up rows, and how prompts are written. */
export interface LayoutOptions {
  /** Most tokens in a row. */
  readonly positions: number;
  /** Token that fills up short rows. */
  readonly padding: number;
  /** How prompts are written. */
  readonly format: PromptFormat;
}

/** The layout of texts of a kind. */
export const layoutOf = (kind: Texts["kind"], options: LayoutOptions): TextLayout =>
  kind === "labeled" ? labeledLayout(options) : nextTokenLayout(options);

/** Lengths are multiples of this, so that kernels of a GPU load four values at a time. */
const lengthStep = 4;

/** Inputs and next tokens, in a format that what is trained remembers. */
function nextTokenLayout({ positions, padding, format }: LayoutOptions): TextLayout {
  const lengthOf = ({ tokens }: TextRow) => tokens.length - 1;
  const padded = (longest: number) =>
    Math.min(positions, lengthStep * Math.ceil(longest / lengthStep));
  return {
    lengthOf,
    tokensOf: ({ rows, longest }) => rows * padded(longest),
    pack: (rows) => {
      const size = { batch: rows.length, length: padded(longestOf(rows.map(lengthOf))) };
      return { ...packBatch(rows, size, padding), promptFormat: format };
    },
  };
}

/** Texts with their labels; labels say what a classifier is asked, so that nothing is written in a format. */
const labeledLayout = ({ padding }: LayoutOptions): TextLayout => ({
  lengthOf: ({ tokens }) => tokens.length,
  tokensOf: ({ rows, longest }) => rows * longest,
  pack: (rows) => packLabeled(rows, padding),
});

function packLabeled(rows: readonly TextRow[], padding: number): Batch {
  const length = longestOf(rows.map(({ tokens }) => tokens.length));
  const shape = [rows.length, length], data = new Uint32Array(rows.length * length).fill(padding);
  rows.forEach(({ tokens }, row) => data.set(tokens, row * length));
  const targets = { shape: [rows.length], data: Int32Array.from(rows, ({ label }) => label!) };
  const isFull = rows.every(({ tokens }) => tokens.length === length);
  const mask = isFull ? {} : { attentionMask: maskOf(rows, length) };
  return { inputs: { tokens: { shape, data }, ...mask }, targets };
}

const longestOf = (lengths: readonly number[]): number => boundsOf(lengths)[1];

/** 1 for the tokens of a row, 0 for those that fill it up. */
function maskOf(rows: readonly TextRow[], length: number): HostTensor {
  const data = new Uint32Array(rows.length * length);
  rows.forEach(({ tokens }, row) => data.fill(1, row * length, row * length + tokens.length));
  return { shape: [rows.length, length], data };
}
