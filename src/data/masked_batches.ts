/** Batches of masked language modeling. @module */

import type { Batch } from "../core/batch.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { assertSeed, Random } from "../core/random.ts";
import { IGNORED } from "./token_rows.ts";

/** Tokens that may be masked, and their replacements. */
export interface Masking {
  /** The id of `<mask>`. */
  readonly mask: number;
  /** Number of tokens in the vocabulary: random ones are drawn below it. */
  readonly vocabulary: number;
  /** Ids that are never chosen and never drawn: the ends of a text, padding, the mask. */
  readonly special: ReadonlySet<number>;
}

/** Options of {@link maskedBatches}. */
export interface MaskedOptions extends Masking {
  /** Rows in a batch. */
  readonly batch: number;
  /** Token that fills up short rows. */
  readonly padding: number;
  /** Seed of the order of the batches and of what is masked. */
  readonly seed: number;
}

const optionNames: OptionNames<MaskedOptions> = {
  mask: true,
  vocabulary: true,
  special: true,
  batch: true,
  padding: true,
  seed: true,
};

/** Shares of BERT: of the tokens that are chosen, and of those that become the mask or a random token. */
const chosenShare = 0.15, maskedShare = 0.8, randomShare = 0.1;

/** A row of tokens as a model sees it, and what it should have been. */
export interface MaskedRow {
  /** The tokens, some of them replaced. */
  readonly tokens: Uint32Array;
  /** The token that was there at the chosen places, −100 elsewhere. */
  readonly targets: Int32Array;
}

/**
 * Chooses each token that is not special with probability 0.15, independently of the others; at a chosen
 * place the model sees the mask with probability 0.8, a token that is drawn uniformly from those that are
 * not special with 0.1, and the token itself with 0.1. (Devlin et al. 2018, section 3.1 and appendix A.1.)
 *
 * @example
 * ```ts
 * import { Random } from "@lowrank/core";
 * import { maskRow } from "@lowrank/core/data";
 *
 * const masking = { mask: 9, vocabulary: 10, special: new Set([0, 9]) };
 * const { tokens, targets } = maskRow([0, 5, 6, 7, 0], masking, new Random(1));
 * console.log(tokens.length, targets[0]); // 5 -100
 * ```
 */
export function maskRow(
  row: ArrayLike<number>,
  { mask, vocabulary, special }: Masking,
  random: Random,
): MaskedRow {
  const tokens = Uint32Array.from(row), targets = new Int32Array(row.length).fill(IGNORED);
  tokens.forEach((token, at) => {
    if (special.has(token) || random.uniform() >= chosenShare) return;
    targets[at] = token;
    const kind = random.uniform();
    if (kind < maskedShare) tokens[at] = mask;
    else if (kind < maskedShare + randomShare) tokens[at] = ordinary(vocabulary, special, random);
  });
  return { tokens, targets };
}

/** A token that is not special; all are equally likely. */
function ordinary(vocabulary: number, special: ReadonlySet<number>, random: Random): number {
  while (true) {
    const token = random.integer(vocabulary);
    if (!special.has(token)) return token;
  }
}

/**
 * Batches of rows of tokens in which some are masked, by the rule of {@link maskRow}, for a model that says
 * what was there. The mask is drawn again each time a row comes (dynamic masking: Liu et al. 2019, section
 * 4.1). Rows of like length share a batch and are filled up with `padding`, which the attention mask hides;
 * each pass has all rows once, in batches of a new order. The last batch of a pass may have fewer rows. A
 * batch depends on the seed and its index alone, so any of them can be made again.
 *
 * @param rows Tokens with the special ones around them, as `encodeFramed` gives.
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when there are no rows, one is empty, the batch is not a positive integer, or every
 * token is special.
 *
 * @example
 * ```ts
 * import { maskedBatches } from "@lowrank/core/data";
 *
 * const rows = [[0, 5, 6, 2], [0, 7, 2]];
 * const special = new Set([0, 1, 2, 9]), masking = { mask: 9, vocabulary: 10, special };
 * const { inputs } = maskedBatches(rows, { ...masking, batch: 2, padding: 1, seed: 1 })(0);
 * console.log(inputs.tokens.shape); // [ 2, 4 ]
 * ```
 */
export function maskedBatches(
  rows: readonly ArrayLike<number>[],
  options: MaskedOptions,
): (index: number) => Batch {
  assertOptions("maskedBatches", options, optionNames);
  assertRows(rows, options);
  const { seed, batch } = options, random = new Random(seed);
  const passes = Math.ceil(rows.length / batch); // Batches in a pass.
  let latest = { pass: -1, slices: [] as number[][] };
  return (index) => {
    const pass = Math.floor(index / passes);
    if (latest.pass !== pass) {
      latest = { pass, slices: slicesOf(rows, batch, random.split(2 * pass)) };
    }
    const chosen = latest.slices[index % passes], masks = random.split(2 * index + 1);
    return packMasked(chosen.map((row) => maskRow(rows[row], options, masks)), options.padding);
  };
}

function assertRows(
  rows: readonly ArrayLike<number>[],
  { batch, seed, special, vocabulary }: MaskedOptions,
): void {
  assertSeed(seed);
  if (rows.length === 0 || rows.some(({ length }) => length === 0)) {
    throw new RangeError(
      `masking needs rows of at least one token, found ${
        rows.length === 0 ? "none" : "an empty one"
      }`,
    );
  }
  if (!Number.isInteger(batch) || batch < 1) {
    throw new RangeError(`batches need an integer batch of at least 1, found ${batch}`);
  }
  const known = [...special].filter((token) => token < vocabulary).length;
  if (known < vocabulary) return;
  throw new RangeError(`masking needs a token that is not special, found ${known} special ones`);
}

/** All rows in slices of like length; among rows of one length, and of the slices, the order is random. */
function slicesOf(
  rows: readonly ArrayLike<number>[],
  batch: number,
  random: Random,
): number[][] {
  const order = Array.from(random.permutation(rows.length));
  order.sort((a, b) => rows[a].length - rows[b].length);
  const count = Math.ceil(order.length / batch);
  return Array.from(random.permutation(count), (i) => order.slice(i * batch, (i + 1) * batch));
}

function packMasked(rows: readonly MaskedRow[], padding: number): Batch {
  const length = Math.max(...rows.map(({ tokens }) => tokens.length)), size = rows.length * length;
  const tokens = new Uint32Array(size).fill(padding), mask = new Uint32Array(size);
  const targets = new Int32Array(size).fill(IGNORED), shape = [rows.length, length];
  rows.forEach((row, i) => {
    tokens.set(row.tokens, i * length);
    targets.set(row.targets, i * length);
    mask.fill(1, i * length, i * length + row.tokens.length);
  });
  return {
    inputs: { tokens: { shape, data: tokens }, attentionMask: { shape, data: mask } },
    targets: { shape, data: targets },
  };
}
