/** What is trained: a model, or an adapter alone. @module */

import type { Parameter } from "../autograd/parameter.ts";
import { wholeAdapters } from "../core/adapter_parts.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { grouped } from "../core/numbers.ts";
import { quote } from "../core/quote.ts";
import { sizeOf } from "../core/shape.ts";
import { assertAllTrainable, type TrainableModel } from "./trainable_model.ts";

/** What `train` needs from an adapter. */
export interface TrainableAdapter<Inputs = never> {
  /** The model that it is on. */
  readonly model: TrainableModel<Inputs>;
  /** What is trained. */
  readonly parameters: readonly Parameter[];
  /** What its changes are multiplied by, if there is such a factor: larger ones need smaller steps. */
  readonly scaling?: number;
  /** How the prompts of its training were written. */
  promptFormat?: PromptFormat;
}

/** A model of which some values are trained. */
export interface Target<Inputs> {
  /** The model. */
  readonly model: TrainableModel<Inputs>;
  /** The adapter, if it alone is trained. */
  readonly adapter?: TrainableAdapter<Inputs>;
}

/**
 * The model of what is to be trained.
 *
 * @throws {RangeError} when it is an adapter that is not on its model, or a whole model that is not in F32.
 * @throws {TypeError} when it is neither an adapter nor a model.
 */
export function targetOf<Inputs>(
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
): Target<Inputs> {
  if (isModel(what)) {
    assertAllTrainable(what);
    return { model: what };
  }
  if (!Array.isArray(what?.parameters) || !isModel(what.model)) {
    throw new TypeError(`training needs a model or an adapter, found ${kindOf(what)}`);
  }
  const { model } = what, onModel: Iterable<unknown> = model.adapters ?? [];
  if ([...onModel].includes(what)) return { model, adapter: what };
  throw new RangeError(
    "training needs an adapter that is on its model, found one that was removed: inject it again",
  );
}

const isModel = <Inputs>(
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
): what is TrainableModel<Inputs> => typeof (what as TrainableModel)?.trainable === "function";

const kindOf = (what: unknown) => typeof what === "object" && what ? "another object" : quote(what);

/** The parameters of what is trained. */
export const parametersOf = ({ model, adapter }: Target<never>): readonly Parameter[] =>
  adapter?.parameters ?? model.trainable();

/**
 * Freezes what else could be trained on the model, until the returned function is called: other adapters
 * would cost gradients that no optimizer uses.
 */
export function freezeOthers(target: Target<never>): () => void {
  const trained = new Set(parametersOf(target));
  const others = target.model.trainable().filter((parameter) => !trained.has(parameter));
  const releases = others.map((parameter) => parameter.hold(false));
  return () => releases.forEach((release) => release());
}

/** `trains 16,384 values of the adapter, 0.88% of the model's 1,858,560`. */
export function describeTarget(
  target: Target<never>,
  trained: readonly Parameter[] = parametersOf(target),
): string {
  const { model, adapter } = target, total = valuesOf(model);
  const count = trained.reduce((sum, { size }) => sum + size, 0),
    values = `${grouped(count)} values`;
  if (total === 0) return `trains ${values}`;
  const adapters = adapter ? 1 : wholeAdapters(model.adapters).length;
  if (adapters === 0 && count === total) return `trains all ${values} of the model`;
  const share = `${(100 * count / total).toPrecision(2)}%`;
  return `trains ${values}${ownerOf(adapters)}, ${share} of the model's ${grouped(total)}`;
}

function ownerOf(adapters: number): string {
  if (adapters === 0) return "";
  return adapters === 1 ? " of the adapter" : ` of ${adapters} adapters`;
}

/** Number of values of a model, however they are stored, without adapters. */
function valuesOf({ parameters, weights }: TrainableModel<never>): number {
  const own = [...parameters?.values() ?? []].reduce((sum, { size }) => sum + size, 0);
  return [...weights?.values() ?? []].reduce((sum, { shape }) => sum + sizeOf(shape), own);
}
