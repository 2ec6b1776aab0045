/** Virtual tokens at the beginning of the sequences of a pass. @module */

import { firstRows } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import { type HostTensor, hostTensor } from "../core/host_tensor.ts";
import { Tensor } from "../device/device.ts";
import type { SequenceContext } from "../nn/attention.ts";
import type { Embedding } from "../nn/embedding.ts";
import { computedRows, type VirtualTokens } from "../nn/virtual_tokens.ts";
import {
  assertInputs,
  assertRequested,
  idsOf,
  type PassInputs,
  sequenceStarts,
  type TextInputs,
} from "./inputs.ts";
import type { ForwardOptions } from "./model.ts";

/** What a model is, as far as its inputs are concerned. */
export interface VirtualRoom {
  /** What is put before every sequence. */
  readonly virtual: VirtualTokens;
  /** Most tokens beside them. */
  readonly limit: number;
  /** The padding token, which no virtual token may look like. */
  readonly padding: number | undefined;
  /** Whether its outputs are a row for each token. */
  readonly hasRows: boolean;
}

/** The arguments of a family's pass. */
export type PassArguments = readonly [inputs: PassInputs, options: ForwardOptions];

/**
 * Puts virtual tokens before the sequences of the pass that begins them; later ones find them in the cache. Given
 * positions are moved behind them, they are of token type 0, and outputs are those of the other tokens alone.
 *
 * @throws As `forward` does.
 */
export function withVirtualTokens(
  tape: Tape,
  inputs: TextInputs,
  { cache, rows }: ForwardOptions,
  { virtual, limit, padding, hasRows }: VirtualRoom,
): PassArguments {
  const { count } = virtual, length = cache?.length ?? 0, begins = length === 0;
  const added = begins ? count : 0;
  assertInputs(inputs, limit, Math.max(0, length - count), count);
  const { tokens, lengths, attentionMask, positionIds, tokenTypeIds } = inputs;
  const standIn = padding === 0 ? 1 : 0;
  const longer = (values: HostTensor, more: number, valueOf: ValueOf) =>
    extend(values, more, valueOf, lengths);
  const moved = (ids: HostTensor) =>
    longer(later(ids, count), added, (place, first) => first - count + place);
  const extended = {
    tokens: added > 0 ? longer(onlyHost(tokens), added, () => standIn) : tokens,
    ...(lengths && { lengths: lengths.map((length) => length + added) }),
    ...(attentionMask && { attentionMask: longer(attentionMask, count, () => 1) }),
    ...(positionIds && { positionIds: moved(positionIds) }),
    ...(tokenTypeIds && { tokenTypeIds: longer(tokenTypeIds, added, () => 0) }),
  };
  if (!begins) return [extended, { cache, rows }];
  const placed = firstRows(tape, count, sequenceStarts(extended));
  const begun = { ...extended, virtual: { tokens: virtual, rows: placed } };
  if (!hasRows) return [begun, { cache, rows }];
  const { others } = placed;
  assertRequested(rows ?? [], others.length);
  return [begun, { cache, rows: rows?.map((row) => others[row]) ?? others }];
}

/** What a pass that begins sequences is given. */
function onlyHost(tokens: TextInputs["tokens"]): HostTensor {
  if (!(tokens instanceof Tensor)) return tokens;
  throw new TypeError(
    `a sequence that begins with virtual tokens needs its tokens on the host, found ${tokens.label}`,
  );
}

/** A value for a place, from the first value of the sequence. */
type ValueOf = (place: number, first: number) => number;

/** Sequences that begin with `count` more values, packed ones if they have lengths. */
function extend(
  values: HostTensor,
  count: number,
  valueOf: ValueOf,
  lengths?: readonly number[],
): HostTensor {
  const { shape: [batch], data } = values, starts = sequenceStarts({ tokens: values, lengths });
  const extended = starts.slice(0, -1).flatMap((start, i) => [
    ...Array.from({ length: count }, (_, place) => valueOf(place, data[start])),
    ...data.subarray(start, starts[i + 1]),
  ]);
  return hostTensor([batch, extended.length / batch], Uint32Array.from(extended));
}

/** Positions `count` further on. */
const later = ({ shape, data }: HostTensor, count: number): HostTensor =>
  hostTensor(shape, Uint32Array.from(data, (position) => position + count));

/** The embeddings of words, those of virtual tokens among them. */
export function wordsOf(tape: Tape, table: Embedding, { tokens, virtual }: PassInputs): Tensor {
  return tape.pipe(
    table.forward(tape, idsOf(tokens)),
    (x) => virtual?.tokens.words?.(tape, x, virtual.rows) ?? x,
  );
}

/** Of a value for each token, those of the tokens that blocks compute. */
export const computedOf = (
  { virtual }: PassInputs,
  values: ArrayLike<number>,
): ArrayLike<number> =>
  virtual && !virtual.tokens.areComputed ? virtual.rows.others.map((row) => values[row]) : values;

/** A block of a model. */
export interface Block<Context> {
  /**
   * What it does to its input, (batch · time, width), one after the other: the first mixes tokens, and where there
   * is a second one it computes each row by itself.
   */
  sublayers(tape: Tape, context: Context, block: number): readonly ((x: Tensor) => Tensor)[];
}

/**
 * What blocks do, one after another, each with the states of virtual tokens in its input; with activation
 * checkpointing a block keeps only what it reads.
 *
 * @param pick Leaves the rows that the head reads: the last block computes each row by itself for these alone.
 * @param shared What all blocks read besides their input and the mask.
 */
export function blockSteps<Context extends SequenceContext>(
  tape: Tape,
  blocks: readonly Block<Context>[],
  context: Context,
  pick: (x: Tensor) => Tensor,
  shared: readonly Tensor[] = [],
): ((x: Tensor) => Tensor)[] {
  const { virtual } = context;
  const sublayersOf = (block: Block<Context>, at: number) => {
    const steps = block.sublayers(tape, context, at), isLast = at === blocks.length - 1;
    return isLast ? steps.toSpliced(1, 0, pick) : steps;
  };
  return [
    (x) => virtual ? computedRows(tape, x, virtual) : x,
    ...blocks.flatMap((block, at) => [
      (x: Tensor) => virtual?.tokens.states?.(tape, x, virtual.rows, at) ?? x,
      (x: Tensor) => tape.checkpoint(x, sublayersOf(block, at), shared),
    ]),
  ];
}
