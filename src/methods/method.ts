/** A method of training: what is known of it without a model on a device. @module */

import type { Architecture, LayerSpec, TensorSpec } from "../architectures/architecture.ts";
import type { TrainedKind } from "../core/trained_kind.ts";
import type { MethodOption } from "./option.ts";

/** Settings of a method, as a specification or the command line gives them. */
export type Settings = Readonly<Record<string, unknown>>;

/** Words of an adapter's card. */
export interface CardWords {
  /** Its heading. */
  readonly title: string;
  /** The method's tag on the hub. */
  readonly tag: string;
  /** Sentences that describe the adapter. */
  readonly what: string;
  /** The library that loads the folder; absent for a form of our own. */
  readonly library?: string;
  /** Settings that the card shows, by their labels: the fields of `adapter_config.json`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of Python that load the folder, where they are not PEFT's. */
  readonly python?: string;
  /** True if PEFT loads no such adapter of a classifier. */
  readonly isWithoutLabels?: true;
}

/** True for a tensor of a layer that is trained. */
export type IsTrained = (tensor: TensorSpec, layer: LayerSpec) => boolean;

/** Value of a formula of `accounting`, for values of its letters. */
export type FormulaValue = (name: string, values: Readonly<Record<string, number>>) => number;

/** The values that a method trains of a model. */
export interface TrainedValues {
  /** The model's own tensors that are trained in their place. */
  readonly own?: IsTrained;
  /** The model's own tensors of which copies are trained, beside the frozen originals. */
  readonly copies?: IsTrained;
  /** Numbers of values that are added to layers, by their names. */
  readonly layers?: readonly ReadonlyMap<string, number>[];
  /** Numbers of values that are added to layers and frozen, by the names of these. */
  readonly frozen?: ReadonlyMap<string, number>;
  /** Numbers of values beside all layers, by what they are called. */
  readonly beside?: Readonly<Record<string, number>>;
}

/** Options on which no count depends. */
export type Uncounted<Name extends string> = { readonly [Each in Name]?: unknown };

/** A method. */
export interface Method<Kind extends string, Options> {
  /** Its name in specifications, on the command line and, as `method`, in folders of our own. */
  readonly kind: Kind;
  /** The values that it trains, in a few words for a table. */
  readonly summary: string;
  /** Its `peft_type`, where PEFT has the method and the folder is PEFT's. */
  readonly peftType?: string;
  /** Its options, in the order in which messages list them. */
  readonly options: { readonly [Name in keyof Options]-?: MethodOption };
  /** Settings of the command line where none are given. */
  readonly defaults?: (given: Settings) => Settings;
  /** A reader's name for it, with its settings; those of an adapter that is trained further are not known. */
  readonly title: (settings: Settings) => string;
  /** The values that it trains of a model, `modulesToSave` excepted. */
  readonly counts: (model: Architecture, options: Options, value: FormulaValue) => TrainedValues;
  /** Kind of the values that it trains, which decides the usual learning rate: see `defaultSettings`. */
  readonly trains: TrainedKind;
  /** Factor of its updates, where its options have one. */
  readonly scaling?: (settings: Settings) => number;
  /** Words of its card; LoRA's is written by `formats`. */
  readonly card?: CardWords;
}

/** Sentences for cards of folders that only we read. */
export const onlyOurs = "No other program reads this folder",
  replaces = "`lowrank merge` writes a model with them, which needs no adapter";
