/** The method of an adapter that is trained further. @module */

import { methodIn } from "../adapt/load_any.ts";
import { listNames } from "../core/module_names.ts";
import { boundsOf } from "../core/numbers.ts";
import { quote } from "../core/quote.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";
import { openWeights } from "../formats/adapter_weights.ts";
import { floatDtypeOf } from "../formats/dtype.ts";
import { type FloatDtype, readAdapter } from "../formats/mod.ts";
import { methodKinds, type MethodSpec } from "../runs/mod.ts";
import { type AllowOption, optionName } from "./arguments.ts";
import type { Fields } from "./cases.ts";
import type { MethodOptions } from "./method.ts";

/** What a command asks of an adapter that exists. */
interface Asked extends AllowOption {
  /** The method as it would be for a new one. */
  readonly asked: MethodSpec;
  /** Whether the command or the configuration names it. */
  readonly isNamed: boolean;
}

/** Options of a method, which an existing adapter has already. */
const fixed: readonly (keyof MethodOptions)[] = [
  ...["rank", "alpha", "sites", "targetModules", "layers"] as const,
  ...["variant", "size", "leaveOut", "prefixLength"] as const,
];

/**
 * Refuses options, and fields of a configuration's method, that an existing adapter already fixes: all but LoRA's
 * dropout, which no adapter keeps.
 *
 * @throws {RangeError} when one is given, or the method is full fine-tuning.
 */
export function assertContinues(
  options: MethodOptions,
  { kind }: MethodSpec,
  configured: Fields = {},
): void {
  if (kind === "full") {
    throw new RangeError("full fine-tuning cannot continue an adapter: merge it first");
  }
  const { kind: _, ...fields } = configured;
  const given = [
    ...fixed.filter((name) => options[name] !== undefined).map(optionName),
    ...Object.keys(fields).filter((name) => kind !== "lora" || name !== "dropout")
      .map((name) => `the configuration's ${name}`),
  ];
  if (given.length === 0) return;
  throw new RangeError(`--adapter keeps its own settings: leave out ${given.join(" and ")}`);
}

/**
 * The method of an adapter that is trained further: its kind or, of LoRA, the highest rank and the largest
 * scaling of its sites.
 *
 * @throws {RangeError} when it is of another method than the one that was named, or of none that is known.
 */
export async function continuedMethod(
  folder: string,
  { asked, isNamed, allow }: Asked,
): Promise<MethodSpec> {
  await assertAdapterFolder(folder);
  const found = await methodIn(folder) ?? "lora";
  const kind = methodKinds.find((one) => one === found && one !== "full");
  if (kind === undefined) {
    throw new RangeError(
      `the method of the adapter in ${folder} must be one of ${listNames(methodKinds)}, found ${
        quote(found)
      }`,
    );
  }
  if (isNamed && asked.kind !== kind) {
    throw new RangeError(
      `--adapter keeps its own method, ${kind} in ${folder}, found ${asked.kind}`,
    );
  }
  if (kind !== "lora") return { kind } as MethodSpec;
  const { updates } = await readAdapter(folder, { withSaved: true, allow });
  const [, rank] = boundsOf(updates.map(({ A }) => A.shape[0]));
  const [, scaling] = boundsOf(updates.map(({ scaling }) => Math.abs(scaling)));
  const { dropout } = asked.kind === "lora" ? asked : {};
  return { kind, rank, alpha: rank * scaling, dropout };
}

/** The type in which an adapter's values are stored: that of all its tensors, or else F32. */
export async function storedTypeIn(folder: string): Promise<FloatDtype> {
  using file = await openWeights(folder, {});
  return floatDtypeOf(file.tensors.values());
}
