/** What an architecture is: its layers with their tensors, as data. @module */

import type { SiteRows } from "../core/row_range.ts";
import type { SiteRole } from "../core/site.ts";
import type { HeadKind } from "./config_fields.ts";

/** One tensor of a model. */
export interface TensorSpec {
  /** Its name in Hugging Face's files. */
  readonly name: string;
  /** Its shape in this toolkit, outermost first; weights of linear layers are (out, in). */
  readonly shape: readonly number[];
  /** Whether files hold it transposed, as (in, out): the weights of GPT-2's Conv1D layers. */
  readonly storedTransposed?: boolean;
}

/** A module that holds tensors. */
export type LayerSpec = LinearSpec | OtherLayerSpec;

/** A layer that no low-rank update changes. */
export interface OtherLayerSpec {
  /** Its path, such as `transformer.h.0.ln_1`. */
  readonly name: string;
  /** What it is. */
  readonly kind: "norm" | "other";
  /** Its tensors, the weight before the bias. */
  readonly tensors: readonly TensorSpec[];
}

/** The output rows of a weight by what they do: GPT-2's fused `c_attn` has `q`, `k` and `v`. */
export type LayerParts = Readonly<Partial<Record<SiteRole, SiteRows>>>;

/**
 * A layer whose weight is one matrix, which a low-rank update can change: a linear layer, a head (the
 * last linear layer, which PEFT does not adapt), or an embedding, which is linear in one-hot tokens.
 */
export interface LinearSpec extends Omit<OtherLayerSpec, "kind"> {
  /** Which of the three. */
  readonly kind: "linear" | "head" | "embedding";
  /** Rows of the weight in this toolkit; for an embedding, the number of tokens or positions. */
  readonly outputs: number;
  /** Columns of the weight in this toolkit. */
  readonly inputs: number;
  /**
   * Rows by role. A plain projection has one role with all rows, a fused one has several: contiguous
   * ranges in GPT-2, one range per head in DeBERTa v1. Embeddings and a few projections have none.
   */
  readonly parts: LayerParts;
}

/** Everything that a model's `config.json` says, apart from how to compute it. */
export interface Architecture {
  /** `model_type`; undefined if only the names of tensors are known. */
  readonly modelType: string | undefined;
  /** The head on top of the blocks. */
  readonly head: HeadKind;
  /**
   * What the names of the trunk's tensors begin with where there is a head, such as `transformer.`; files
   * of the trunk alone leave it out. Empty if there is no such difference.
   */
  readonly trunk: string;
  /** The most tokens of a sequence; undefined where a configuration states no limit, or only names of tensors are known. */
  readonly positions?: number;
  /** All layers, in the order in which transformers registers them. */
  readonly layers: readonly LayerSpec[];
  /** Their tensors, a tied head once. */
  readonly tensors: readonly TensorSpec[];
  /** The layers whose weight is one matrix. */
  readonly linears: readonly LinearSpec[];
  /** Tensors that files may repeat: a tied head's weight. */
  readonly copies?: readonly string[];
  /** Tensors of other heads that files may have beside these: a new head may use them. */
  readonly besides?: readonly TensorSpec[];
  /** PEFT's default `target_modules`; empty if it has none. */
  readonly peftTargets: readonly string[];
}

/**
 * An architecture from its layers.
 *
 * @throws {RangeError} when there are 2^53 parameters or more, as sums are exact only below.
 */
export function architectureFrom(
  { layers, ...facts }: Omit<Architecture, "tensors" | "linears">,
): Architecture {
  const tensors = layers.flatMap((layer) => layer.tensors), total = countParameters(tensors);
  if (Number.isSafeInteger(total)) {
    return { ...facts, layers, tensors, linears: layers.filter((layer) => "parts" in layer) };
  }
  throw new RangeError(
    `a model must have fewer than 2^53 parameters to be counted, found about ${
      total.toExponential(1)
    }`,
  );
}

/** A tensor's name without what only models with a head put before it. */
export const bareName = (
  { trunk }: Pick<Architecture, "trunk">,
  { name }: Pick<TensorSpec, "name">,
): string => name.startsWith(trunk) ? name.slice(trunk.length) : name;

/** How many values tensors hold. */
export function countParameters(tensors: Iterable<Pick<TensorSpec, "shape">>): number {
  let total = 0;
  for (const { shape } of tensors) total += shape.reduce((product, extent) => product * extent, 1);
  return total;
}

/** The extents of a tensor in Hugging Face's files. */
export function storedShape({ shape, storedTransposed }: TensorSpec): readonly number[] {
  return storedTransposed ? shape.toReversed() : shape;
}
