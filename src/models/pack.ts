/** Batches of sequences of one length as packed ones, without the tokens that no wanted output depends on. @module */

import { startsOf } from "../autograd/ops/attention.ts";
import { firstRows } from "../autograd/ops/embedding.ts";
import type { Tape } from "../autograd/tape.ts";
import { type HostData, type HostTensor, hostTensor } from "../core/tensor.ts";
import { Tensor } from "../device/device.ts";
import type { SequenceContext } from "../nn/attention.ts";
import { computedRows, type Embedding, type VirtualTokens } from "../nn/embedding.ts";
import {
  assertInputs,
  assertRequested,
  type HostInputs,
  idsOf,
  type PassInputs,
  sequenceStarts,
  type SharedPlaces,
  type TextInputs,
} from "./inputs.ts";
import type { ForwardOptions, Model } from "./model.ts";

/** Properties of a model that decide which tokens are left out. */
export interface PackRules {
  /** True if a token sees only those before it. */
  readonly isCausal: boolean;
  /** The token that may be left out where the head looks for the end of a sequence. */
  readonly padding: number | undefined;
  /** Ids from here on are none, and are left for the model to refuse. */
  readonly vocabulary: number;
}

/**
 * The same pass over packed sequences: without hidden tokens at their ends and, in a causal model, without those
 * after the last wanted row. Undefined where nothing is left out, or some hidden token has others behind it.
 *
 * @throws {RangeError} when a requested row is not among the tokens.
 */
export function packInputs(
  inputs: TextInputs,
  { rows }: ForwardOptions,
  rules: PackRules,
): readonly [TextInputs, ForwardOptions] | undefined {
  const { tokens, attentionMask, positionIds, tokenTypeIds } = inputs;
  if (tokens instanceof Tensor || inputs.lengths) return undefined;
  assertRequested(rows ?? [], tokens.data.length);
  const [, time] = tokens.shape, lengths = neededLengths({ tokens, attentionMask }, rows, rules);
  if (!lengths || lengths.every((length) => length === time)) return undefined;
  const starts = startsOf(lengths);
  const placeOf = (row: number) => starts[Math.floor(row / time)] + row % time;
  const pack = (tensor: HostTensor | undefined) => tensor && packRows(tensor, lengths);
  const others = { positionIds: pack(positionIds), tokenTypeIds: pack(tokenTypeIds) };
  return [{ tokens: packRows(tokens, lengths), lengths, ...others }, { rows: rows?.map(placeOf) }];
}

/**
 * Number of tokens of each sequence that wanted outputs depend on. Undefined where padding must
 * stay: some hidden token has seen ones behind it, or an output that is wanted, or an id that may
 * not be left out.
 */
export function neededLengths(
  { tokens, attentionMask }: Pick<HostInputs, "tokens" | "attentionMask">,
  rows: readonly number[] | undefined,
  { isCausal, padding, vocabulary }: PackRules,
): readonly number[] | undefined {
  const [batch, time] = tokens.shape, seen = seenLengths(batch, time, attentionMask);
  if (!seen || rows?.some((row) => row % time >= seen[Math.floor(row / time)])) return undefined;
  const lengths = rows && isCausal ? lengthsTo(rows, batch, time) : seen;
  const mayLeaveOut = (id: number) => rows ? id < vocabulary : id === padding;
  const areFree = tokens.data.every((id, at) =>
    at % time < lengths[Math.floor(at / time)] || mayLeaveOut(id)
  );
  return areFree ? lengths : undefined;
}

/** A pass over whole sequences as one over packed ones; undefined where some token is hidden, or they are packed. */
function packWhole(
  { tokens, lengths, attentionMask, ...others }: TextInputs,
  options: ForwardOptions,
): readonly [TextInputs, ForwardOptions] | undefined {
  if (tokens instanceof Tensor || lengths || attentionMask?.data.includes(0)) return undefined;
  const [batch, time] = tokens.shape, packed = hostTensor([1, batch * time], tokens.data);
  return [{ ...others, tokens: packed, lengths: new Array<number>(batch).fill(time) }, options];
}

/** The first values of each row, one row after another. */
function packRows({ shape: [, time], data }: HostTensor, lengths: readonly number[]): HostTensor {
  const starts = startsOf(lengths), total = starts.at(-1)!;
  const Values = data.constructor as new (length: number) => HostData, packed = new Values(total);
  lengths.forEach((length, row) =>
    packed.set(data.subarray(row * time, row * time + length) as never, starts[row])
  );
  return hostTensor([1, total], packed);
}

/**
 * Number of visible tokens of each sequence; undefined where some are hidden before others, or all
 * are visible.
 */
function seenLengths(
  batch: number,
  time: number,
  mask: HostTensor | undefined,
): readonly number[] | undefined {
  if (!mask) return new Array<number>(batch).fill(time);
  const rows = Array.from(
    { length: batch },
    (_, row) => mask.data.subarray(row * time, (row + 1) * time),
  );
  const lengths = rows.map((row) => row.findLastIndex((isSeen) => isSeen !== 0) + 1);
  const arePrefixes = rows.every((row, i) => row.indexOf(0) < 0 || row.indexOf(0) === lengths[i]);
  return arePrefixes && !lengths.includes(0) ? lengths : undefined;
}

/** Up to the last wanted row of each sequence, at least one token. */
function lengthsTo(rows: readonly number[], batch: number, time: number): number[] {
  const needed = new Array<number>(batch).fill(1);
  for (const row of rows) {
    const sequence = Math.floor(row / time);
    needed[sequence] = Math.max(needed[sequence], row % time + 1);
  }
  return needed;
}

/** Properties of a model that decide if sequences with a common beginning share its states. */
interface CausalModel extends Pick<Model, "virtualTokens" | "adapters"> {
  /** True if a token sees only those before it. */
  readonly isCausal: boolean;
}

/** The least share of the tokens for which attention's copies of all of them are worth their time. */
const leastShare = 1 / 8;

/**
 * True if the same tokens after the same ones have the same states, and nobody asks for those of
 * each.
 */
export function sharesStates(
  { records, onLinear }: Tape,
  { isCausal, virtualTokens, adapters }: CausalModel,
): boolean {
  const isMeasured = !records && !onLinear;
  const haveRows = [...adapters].some(({ batchRows }) => batchRows);
  return isMeasured && isCausal && !virtualTokens && !haveRows;
}

/**
 * The same pass of a causal model over packed sequences, without the tokens of a beginning that an earlier sequence
 * has, too: these have the same states. Undefined where they are few, or more is given than tokens.
 *
 * @throws {RangeError} when a requested row is not among the tokens.
 */
export function shareBeginnings(
  inputs: TextInputs,
  options: ForwardOptions,
): PassArguments | undefined {
  const [{ tokens, lengths, positionIds, tokenTypeIds }, { rows }] = packWhole(inputs, options) ??
    [inputs, options];
  if (tokens instanceof Tensor || !lengths || positionIds || tokenTypeIds) return undefined;
  const shared = sharedPlaces(tokens, lengths), { places, firsts } = shared;
  if (places.length - firsts.length < leastShare * places.length) return undefined;
  assertRequested(rows ?? [], places.length);
  const position = lengths.flatMap((length) => [...Array(length).keys()]);
  const at = (values: ArrayLike<number>) =>
    hostTensor([1, firsts.length], Uint32Array.from(firsts, (first) => values[first]));
  return [
    { tokens: at(tokens.data), lengths, positionIds: at(position), shared },
    { rows: rows?.map((row) => places[row]) },
  ];
}

/** Finds the tokens of packed sequences that are computed, and the sequences that use each. */
function sharedPlaces({ data }: HostTensor, lengths: readonly number[]): SharedPlaces {
  const starts = startsOf(lengths), places: number[] = [], firsts: number[] = [];
  lengths.forEach((length, sequence) => {
    const start = starts[sequence], { from, count } = mostAlike(data, starts, sequence);
    for (let i = 0; i < length; i++) {
      places.push(i < count ? places[from + i] : firsts.push(start + i) - 1);
    }
  });
  return { places, firsts };
}

/** The start of the earlier sequence that has the longest beginning in common with one, and that beginning's length. */
function mostAlike(data: HostTensor["data"], starts: readonly number[], sequence: number) {
  const [start, end] = starts.slice(sequence, sequence + 2);
  let most = { from: 0, count: 0 };
  for (let other = 0; other < sequence; other++) {
    const from = starts[other], room = Math.min(end - start, starts[other + 1] - from);
    let count = 0;
    while (count < room && data[from + count] === data[start + count]) count++;
    if (count > most.count) most = { from, count };
  }
  return most;
}

/** Properties of a model that limit its inputs. */
export interface VirtualRoom {
  /** The virtual tokens before every sequence. */
  readonly virtual: VirtualTokens;
  /** Most tokens beside the virtual ones. */
  readonly limit: number;
  /** The padding token, which no virtual token may look like. */
  readonly padding: number | undefined;
  /** True if its outputs are a row for each token. */
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

/** Tokens of a pass that begins sequences, which must be on the host. */
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

/** Picks, from a value for each token, the values of the tokens that blocks compute. */
export const computedOf = (
  { virtual }: PassInputs,
  values: ArrayLike<number>,
): ArrayLike<number> =>
  virtual && !virtual.tokens.areComputed ? virtual.rows.others.map((row) => values[row]) : values;

/** A block of a model. */
export interface Block<Context> {
  /**
   * The block's sublayers, applied to (batch · time, width) one after the other: the first mixes
   * tokens, and a second, if there is one, computes each row by itself.
   *
   * @param pick Leaves the rows that are read of the block. It comes between two sublayers by itself, and
   * a block of one applies it to what follows its mixing of tokens.
   */
  sublayers(
    tape: Tape,
    context: Context,
    block: number,
    pick: (x: Tensor) => Tensor,
  ): readonly ((x: Tensor) => Tensor)[];
}

/**
 * Runs blocks one after another, each with the states of virtual tokens in its input; with
 * activation checkpointing a block keeps only what it reads.
 *
 * @param pick Leaves the rows that the head reads: the last block computes each row by itself for these alone.
 * @param shared Input of all blocks besides their states and the mask.
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
    const isLast = at === blocks.length - 1, read = isLast ? pick : (x: Tensor) => x;
    const [first, ...second] = block.sublayers(tape, context, at, read);
    return isLast && second.length > 0 ? [first, read, ...second] : [first, ...second];
  };
  return [
    (x) => virtual ? computedRows(tape, x, virtual) : x,
    ...blocks.flatMap((block, at) => [
      (x: Tensor) => virtual?.tokens.states?.(tape, x, virtual.rows, at) ?? x,
      (x: Tensor) => tape.checkpoint(x, sublayersOf(block, at), shared),
    ]),
  ];
}
