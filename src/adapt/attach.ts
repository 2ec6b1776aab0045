/** Putting adaptations on a base model, which is frozen while they are there. @module */

import type { Parameter } from "../autograd/parameter.ts";
import { wholeAdapters } from "../core/adapter_parts.ts";
import { grouped } from "../core/numbers.ts";
import { isSameFile } from "../formats/merged_metadata.ts";
import {
  type AdapterValues,
  type AppliedAdapter,
  assertModel,
  type Model,
} from "../models/model.ts";
import type { Adaptation } from "../nn/adaptation.ts";

/** A linear layer or a place, and what is to adapt it. */
export type Attachment = readonly [layer: { readonly adaptations: Adaptation[] }, Adaptation];

/** Whether an adapter may join others. */
export interface JoinOptions {
  /** True if the model may have adapters: this one acts together with them. Default false. */
  readonly onTop?: boolean;
}

/** Throws a `RangeError` for a model that has an adapter, unless this one may join it. */
export function assertFree(
  model: Model,
  { onTop = false }: JoinOptions,
  action: string,
): void {
  assertModel(action, model);
  const { adapters } = model;
  if (onTop || adapters.size === 0) return;
  const values = wholeAdapters(adapters).flatMap(({ parameters }) => parameters)
    .reduce((sum, { size }) => sum + size, 0);
  throw new RangeError(
    `${action} needs a model without an adapter, found one of ${grouped(values)} values on it: ` +
      "call its remove(), or pass onTop: true to have both act together, or shareBase(model) to keep them apart",
  );
}

/** Whose values act already: those in the weights, and those of adapters beside them. */
export interface ActingValues extends Pick<Model, "merged"> {
  /** The adapters. */
  readonly adapters: Iterable<Pick<AppliedAdapter, "values">>;
}

/** Throws a `RangeError` where values of an adapter act already: they would act twice. */
export function assertNotIn(
  { merged = [], adapters }: ActingValues,
  values: AdapterValues,
): void {
  const isSame = (one?: AdapterValues) =>
    one && (one === values || one.file && values.file && isSameFile(one.file, values.file));
  const name = values.file?.replace(/ sha256 .*/, "") ?? "one";
  const rule = `an adapter must be applied once, found ${name}`;
  if (merged.some(isSame)) {
    throw new RangeError(`${rule} in the model's weights already: use the model without it`);
  }
  if ([...adapters].some(({ values }) => isSame(values))) {
    throw new RangeError(`${rule} on the model already: name it once, or call its remove() first`);
  }
}

/**
 * Freezes a model and adds an adapter's adaptations to its layers, until the returned function is called; a
 * second call of that does nothing.
 *
 * @param trained Parameters of the model that the adapter trains.
 */
export function attach(
  model: Model,
  adapter: AppliedAdapter,
  attachments: readonly Attachment[],
  trained: Iterable<Parameter> = [],
): () => void {
  const unfreeze = freeze(model, trained);
  model.adapters.add(adapter);
  for (const [{ adaptations }, adaptation] of attachments) adaptations.push(adaptation);
  return () => {
    for (const [{ adaptations }, adaptation] of attachments) {
      const at = adaptations.indexOf(adaptation);
      if (at >= 0) adaptations.splice(at, 1);
    }
    model.adapters.delete(adapter);
    unfreeze();
  };
}

/**
 * Freezes a model's own parameters and trains those in `except`, until the returned function is called.
 * Several freezes may overlap: a parameter is trained while any of them excepts it, and gets its
 * original `trainable` flag back when the last one ends.
 */
export function freeze(model: Model, except: Iterable<Parameter> = []): () => void {
  const trained = new Set(except);
  const releases = [...model.parameters.values()].map((parameter) =>
    parameter.hold(trained.has(parameter))
  );
  return () => releases.forEach((release) => release());
}
