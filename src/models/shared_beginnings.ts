/** Sequences of a pass that begin alike: what they have in common is computed once. @module */

import { startsOf } from "../autograd/ops/packed_sequences.ts";
import type { Tape } from "../autograd/tape.ts";
import { type HostTensor, hostTensor } from "../core/host_tensor.ts";
import { Tensor } from "../device/device.ts";
import { assertRequested, type SharedPlaces, type TextInputs } from "./inputs.ts";
import type { ForwardOptions, Model } from "./model.ts";
import { packWhole } from "./pack.ts";
import type { PassArguments } from "./virtual_inputs.ts";

/** What decides whether sequences that begin alike have states in common. */
interface CausalModel extends Pick<Model, "virtualTokens" | "adapters"> {
  /** Whether a token sees only those before it. */
  readonly isCausal: boolean;
}

/** The least share of the tokens for which attention's copies of all of them are worth their time. */
const leastShare = 1 / 8;

/** Whether the same tokens after the same ones have the same states, and nobody asks for those of each. */
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

/** Which tokens of packed sequences are computed, and for which. */
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
