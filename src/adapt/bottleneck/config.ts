/** The configuration of bottlenecks in the `adapters` library's files (AdapterHub). @module */

import { areLowest } from "../../architectures/architecture.ts";
import { isRecord, isText } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { isFinite } from "../../formats/peft/config.ts";
import {
  type BottleneckVariant,
  nonLinearities,
  type NonLinearity,
} from "../../methods/bottleneck.ts";
import { bottleneckForms, type BottleneckInit, hubAdapterName } from "./bottleneck.ts";

/** The version of the library whose layout is written. */
const version = "adapters.1.3.0";

/**
 * Form of bottlenecks in the library's configuration, without their extents, which their tensors
 * have.
 */
export interface HubForm {
  /** The adapter's name in the keys of the tensors. */
  readonly name: string;
  /** The variant. */
  readonly variant: BottleneckVariant;
  /** Layers without bottlenecks. */
  readonly leaveOut: readonly number[];
  /** Non-linearity between the projections. */
  readonly nonLinearity: NonLinearity;
  /** Initial values of the projections. */
  readonly init: BottleneckInit;
}

/**
 * Fields that must have one value, as others compute something else. They are the library's defaults, so they
 * are not written: JSON has no 1.0, and the library takes no other number for `scaling`.
 */
const fixed: Readonly<Record<string, unknown>> = {
  ...{ original_ln_after: true, residual_before_ln: true, adapter_residual_before_ln: false },
  ...{ ln_after: false, is_parallel: false, scaling: 1, use_gating: false, inv_adapter: null },
  ...{ cross_adapter: false, phm_layer: false, dropout: 0, stochastic_depth: 0 },
};

/** Fields that decide the variant. */
const placing = ["mh_adapter", "output_adapter", "original_ln_before", "ln_before"] as const;

function placingOf(variant: BottleneckVariant): Record<(typeof placing)[number], boolean> {
  const { followsAttention, changesSum, hasNorm } = bottleneckForms[variant];
  return {
    mh_adapter: followsAttention,
    output_adapter: true,
    original_ln_before: changesSum,
    ln_before: hasNorm,
  };
}

/** Form of bottlenecks as it is written, for the library and for us. */
export interface WrittenForm extends Omit<HubForm, "name"> {
  /** Width of the model. */
  readonly width: number;
  /** Width between the projections. */
  readonly size: number;
  /** The model's type. */
  readonly modelType?: string;
}

/** The library's `adapter_config.json`. */
export function hubConfig({ width, size, modelType, ...form }: WrittenForm) {
  const { variant, leaveOut, nonLinearity, init } = form;
  const config = {
    ...placingOf(variant),
    ...{ non_linearity: nonLinearity, leave_out: leaveOut },
    init_weights: init === "bert" ? "bert" : "mam_adapter",
    reduction_factor: reductionFactor(width, size),
  };
  return {
    ...{ name: hubAdapterName, version, config },
    ...{ model_type: modelType ?? null, hidden_size: width },
  };
}

/** f with ⌊width / f⌋ = size, as the library divides: half a unit above the size, no rounding matters. */
export const reductionFactor = (width: number, size: number): number =>
  width % size === 0 ? width / size : width / (size + 0.5);

/** max(1, ⌊width / f⌋), as the library divides; Python's `//` rounds no quotient. */
const sizeFor = (width: number, factor: number): number =>
  Math.max(1, Math.round((width - width % factor) / factor));

/**
 * Asserts that a configuration gives bottlenecks the extents that a file's tensors have, where it gives any.
 *
 * @param extents Those of the tensors.
 * @throws {RangeError} when it gives others.
 */
export function assertExtents(
  { config, hidden_size }: Readonly<Record<string, unknown>>,
  { width, size }: Pick<WrittenForm, "width" | "size">,
): void {
  if ((hidden_size ?? width) !== width) {
    throw new RangeError(
      `hidden_size must be the width of the file's bottlenecks, ${width}, found ${
        quote(hidden_size)
      }`,
    );
  }
  const { reduction_factor: factor } = config as Readonly<Record<string, unknown>>;
  const found = isFinite(factor) ? sizeFor(width, factor) : size;
  if (found === size) return;
  throw new RangeError(
    `reduction_factor must give the size of the file's bottlenecks, ${size} in a width of ${width}, found ` +
      `${quote(factor)}, which gives ${found}`,
  );
}

/**
 * Reads the library's `adapter_config.json`.
 *
 * @throws {RangeError} when it is of another method or computes something that we do not.
 */
export function parseHubConfig(
  { config, name, version }: Readonly<Record<string, unknown>>,
): HubForm {
  if (!isRecord(config) || !isText(name)) {
    throw new RangeError("config and name must be an object and a text of the adapters library");
  }
  if (!isText(version)) {
    throw new RangeError(
      `version must name the adapters library's, found ${quote(version)}: without one, names of ` +
        "activations meant others; load and save it with that library",
    );
  }
  const { architecture = null, leave_out = [] } = config;
  assertIs("architecture", architecture, null);
  for (const [field, value] of Object.entries(fixed)) {
    assertIs(field, config[field] ?? value, value);
  }
  const { reduction_factor = null } = config;
  if (reduction_factor !== null && !(isFinite(reduction_factor) && reduction_factor > 0)) {
    throw new RangeError(
      `reduction_factor must be one number above 0, found ${quote(reduction_factor)}`,
    );
  }
  const leaveOut = leave_out as number[], nonLinearity = nonLinearityOf(config.non_linearity);
  const init = config.init_weights === "bert" ? "bert" : "zero";
  return { name, variant: variantOf(config, leaveOut), leaveOut, nonLinearity, init };
}

function assertIs(field: string, found: unknown, needed: unknown): void {
  if (found === needed) return;
  throw new RangeError(`${field} must be ${quote(needed)}, found ${quote(found)}`);
}

function variantOf(
  config: Readonly<Record<string, unknown>>,
  leaveOut: readonly number[],
): BottleneckVariant {
  const found = placing.map((field) => config[field] ?? false);
  const variants = ["houlsby", "lin", "pfeiffer"] as const;
  const variant = variants.find((one) =>
    Object.values(placingOf(one)).every((value, i) => value === found[i])
  );
  if (variant === "pfeiffer" && Array.isArray(leaveOut) && areLowest(leaveOut)) return "drop";
  if (variant) return variant;
  throw new RangeError(
    `${placing.join(", ")} must be as in ${variants.join(", ")}, found ${quote(found)}`,
  );
}

function nonLinearityOf(name: unknown): NonLinearity {
  const known = nonLinearities.find((one) => one === (name === "silu" ? "swish" : name));
  if (known) return known;
  throw new RangeError(
    `non_linearity must be one of ${nonLinearities.join(", ")}, found ${quote(name)}`,
  );
}
