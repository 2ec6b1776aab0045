/** Virtual tokens at the beginning of the sequences of a pass. @module */

import type { Tape } from "../autograd/tape.ts";
import { type HostTensor, hostTensor } from "../core/host_tensor.ts";
import { Tensor } from "../device/device.ts";
import type { SequenceContext } from "../nn/attention.ts";
import type { Embedding } from "../nn/embedding.ts";
import type { VirtualTokens } from "../nn/virtual_tokens.ts";
import {
  assertInputs,
  assertRequested,
  idsOf,
  type PassInputs,
  pickRows,
  type TextInputs,
} from "./inputs.ts";
import type { ReadRows } from "./heads.ts";
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
  inputs: TextInputs,
  { cache, rows }: ForwardOptions,
  { virtual, limit, padding, hasRows }: VirtualRoom,
): PassArguments {
  const { count } = virtual, length = cache?.length ?? 0, begins = length === 0;
  const added = begins ? count : 0;
  assertInputs(inputs, limit, Math.max(0, length - count), count);
  const { tokens, attentionMask, positionIds, tokenTypeIds } = inputs;
  const [batch, time] = tokens.shape, standIn = padding === 0 ? 1 : 0;
  const extended = {
    tokens: added > 0 ? extend(onlyHost(tokens), added, () => standIn) : tokens,
    ...(attentionMask && { attentionMask: extend(attentionMask, count, () => 1) }),
    ...(positionIds && { positionIds: moved(positionIds, count, added) }),
    ...(tokenTypeIds && { tokenTypeIds: extend(tokenTypeIds, added, () => 0) }),
    ...(begins && { virtual }),
  };
  if (!hasRows || added === 0) return [extended, { cache, rows }];
  assertRequested(rows ?? [], batch * time);
  const wanted = rows ?? Array.from({ length: batch * time }, (_, row) => row);
  const behind = (row: number) => row + added * (Math.floor(row / time) + 1);
  return [extended, { cache, rows: wanted.map(behind) }];
}

/** What a pass that begins sequences is given. */
function onlyHost(tokens: TextInputs["tokens"]): HostTensor {
  if (!(tokens instanceof Tensor)) return tokens;
  throw new TypeError(
    `a sequence that begins with virtual tokens needs its tokens on the host, found ${tokens.label}`,
  );
}

/** Rows that begin with `count` more values, each made from the row's first. */
function extend(
  { shape: [batch, time], data }: HostTensor,
  count: number,
  valueOf: (place: number, first: number) => number,
): HostTensor {
  const wide = count + time;
  return hostTensor(
    [batch, wide],
    Uint32Array.from({ length: batch * wide }, (_, i) => {
      const place = i % wide, start = Math.floor(i / wide) * time;
      return place < count ? valueOf(place, data[start]) : data[start + place - count];
    }),
  );
}

/** Positions `count` further on, and where virtual tokens are added, those from the first on. */
function moved({ shape, data }: HostTensor, count: number, added: number): HostTensor {
  const later = hostTensor(shape, Uint32Array.from(data, (position) => position + count));
  return extend(later, added, (place, first) => first - count + place);
}

/** The embeddings of words, those of virtual tokens among them. */
export function wordsOf(tape: Tape, table: Embedding, { tokens, virtual }: PassInputs): Tensor {
  return tape.pipe(
    table.forward(tape, idsOf(tokens)),
    (x) => virtual?.words?.(tape, x, tokens.shape[0]) ?? x,
  );
}

/** A block of a model. */
export interface Block<Context> {
  /**
   * What it does to its input, (batch · time, width), one after the other: the first mixes tokens, and where there
   * is a second one it computes each row by itself.
   */
  sublayers(tape: Tape, context: Context, block: number): readonly ((x: Tensor) => Tensor)[];
}

/**
 * What blocks do, one after another, each with the states of virtual tokens in its input, and the rows of the last
 * one's result; with activation checkpointing a block keeps only what it reads.
 *
 * @param shared What all blocks read besides their input and the mask.
 */
export function blockSteps<Context extends SequenceContext>(
  tape: Tape,
  blocks: readonly Block<Context>[],
  context: Context,
  { rows, isOnePerSequence }: ReadRows,
  shared: readonly Tensor[] = [],
): ((x: Tensor) => Tensor)[] {
  const { virtual, batch } = context;
  const pick = (x: Tensor) => rows ? pickRows(tape, x, rows) : x;
  const sublayersOf = (block: Block<Context>, at: number) => {
    const steps = block.sublayers(tape, context, at), isLast = at === blocks.length - 1;
    return isLast && isOnePerSequence ? steps.toSpliced(1, 0, pick) : steps;
  };
  return [
    ...blocks.flatMap((block, at) => [
      (x: Tensor) => virtual?.states?.(tape, x, batch, at) ?? x,
      (x: Tensor) => tape.checkpoint(x, sublayersOf(block, at), shared),
    ]),
    ...isOnePerSequence ? [] : [pick],
  ];
}
