/** MPNet (Song et al. 2020), with the parameter names of Hugging Face. @module */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import type { EncoderConfig } from "../../architectures/families/bert.ts";
import { distanceBuckets, distanceTable } from "../../architectures/families/mpnet.ts";
import { padSequences } from "../../autograd/ops/head_product.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { BiasedAttention, type RelativeContext, RelativePositions } from "../../nn/attention.ts";
import type { BlockShape, Embedding } from "../../nn/embedding.ts";
import type { Activation } from "../../nn/mlp.ts";
import { type PassInputs, sequenceContext } from "../inputs.ts";
import type { StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import type { Block } from "../pack.ts";
import { Bert, PostNormBlock } from "./bert.ts";

/** The longest distance that still has a bucket of its own kind. */
const longest = 128;

const f32 = Math.fround;

/**
 * The bucket of each distance from 1 - time to time - 1: half of the buckets are for keys behind the query,
 * |δ| itself up to a quarter, then by the logarithm, as T5 has them.
 */
export function bucketRows(time: number): number[] {
  return Array.from({ length: 2 * time - 1 }, (_, place) => {
    const distance = place + 1 - time, half = distanceBuckets / 2;
    return (distance < 0 ? half : 0) + sizeBucket(Math.abs(distance), half);
  });
}

/** Every step in F32, as transformers computes it, since the last bits decide on the whole number. */
function sizeBucket(size: number, most: number): number {
  const exact = most / 2;
  if (size < exact) return size;
  const part = f32(f32(Math.log(f32(size / exact))) / f32(Math.log(longest / exact)));
  return Math.min(exact + Math.trunc(f32(part * (most - exact))), most - 1);
}

/** A BERT whose scores have a bias for the distance of query and key, which all blocks share. */
export class Mpnet extends Bert {
  readonly #distances: Embedding;

  /** Builds the layers around tensors and weights; disposing the model disposes `owner`. */
  constructor(
    device: Device,
    json: ConfigJson,
    tensors: StoredTensors,
    owner: Disposable,
    options: TextModelOptions = {},
  ) {
    super(device, json, tensors, owner, options);
    this.#distances = this.layers.embedding(`${this.architecture.trunk}${distanceTable}`);
  }

  /** A block with projections under MPNet's names. */
  protected override block(
    at: string,
    config: EncoderConfig,
    activation: Activation,
  ): Block<RelativeContext> {
    const [q, k, v, output] = ["q", "k", "v", "o"]
      .map((name) => this.layers.linear(`${at}.attention.attn.${name}`));
    const { heads, dropout } = config;
    const attention = new BiasedAttention({
      ...{ heads, output, dropout },
      input: (tape, x) => [q.forward(tape, x), k.forward(tape, x), v.forward(tape, x)],
    });
    const attend = (tape: Tape, x: Tensor, context: RelativeContext) =>
      attention.forward(tape, x, context);
    return new PostNormBlock(this.layers, at, config, activation, attend, "attention");
  }

  /** Maps tokens (batch, time) to the last block's states of the rows that the head reads. */
  protected override pass(tape: Tape, given: PassInputs, options: ForwardOptions = {}): Tensor {
    const sequences = sequenceContext(tape, given, this.limit);
    const relative = new RelativePositions(
      tape,
      bucketRows(sequences.time),
      (rows) => this.#distances.forward(tape, rows),
    );
    const padded = given.lengths && padSequences(tape, given.lengths);
    const context = { ...sequences, relative, padded, ...(padded && { mask: padded.mask }) };
    const out = this.passWith(tape, given, options, context, relative.tensors);
    relative.release(tape);
    return out;
  }

  /** Its blocks, for virtual tokens; their attention also needs a token's place, which keys alone have not. */
  override get blockShape(): BlockShape {
    const { count, width, heads } = super.blockShape;
    return { count, width, heads };
  }

  /** Copies to and from the padded rows of attention take time, as DeBERTa's do (decision 0050). */
  protected override get leastPadding(): number {
    return 0.1;
  }
}
