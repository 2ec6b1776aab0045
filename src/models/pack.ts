/** Batches of sequences of one length as packed ones, without the tokens that no wanted output depends on. @module */

import { startsOf } from "../autograd/ops/packed_sequences.ts";
import { type HostData, type HostTensor, hostTensor } from "../core/host_tensor.ts";
import { Tensor } from "../device/device.ts";
import { assertRequested, type HostInputs, type TextInputs } from "./inputs.ts";
import type { ForwardOptions } from "./model.ts";

/** What decides which tokens are left out. */
export interface PackRules {
  /** Whether a token sees only those before it. */
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
 * How many tokens of each sequence wanted outputs depend on. Undefined where padding must stay: some hidden token has
 * seen ones behind it, or an output that is wanted, or an id that may not be left out.
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
export function packWhole(
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

/** How many tokens of each sequence are seen; undefined where some are hidden before others, or all are. */
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
