/** AdamW's settings, checked once. @module */

import { Parameter } from "../autograd/parameter.ts";
import { DeviceError } from "../core/errors.ts";
import { fitsFloat32 } from "../core/float32.ts";
import { assertOptions, type OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";

/** Settings that a group of parameters may have of its own. */
export interface AdamWSettings {
  /** η, at least 0. */
  readonly learningRate: number;
  /** β₁ and β₂, in [0, 1). Default 0.9 and 0.999. */
  readonly betas: readonly [number, number];
  /** ε, above 0. Default 1e-8. */
  readonly epsilon: number;
  /** λ, at least 0. Default 0. */
  readonly weightDecay: number;
}

/** Settings of all groups without their own. */
export interface AdamWOptions extends Partial<AdamWSettings> {
  /** η, at least 0. */
  readonly learningRate: number;
  /**
   * Largest norm of all gradients together; larger gradients are scaled down to it. Default: no
   * clipping.
   */
  readonly clipNorm?: number;
}

/** Parameters with their own settings; absent settings are the optimizer's. */
export interface ParameterGroup extends Partial<AdamWSettings> {
  /** Its members. */
  readonly parameters: readonly Parameter[];
}

/** A group with all its settings. */
export interface FullGroup extends AdamWSettings {
  /** Its members. */
  readonly parameters: readonly Parameter[];
}

const settingNames: OptionNames<AdamWSettings> = {
  learningRate: true,
  betas: true,
  epsilon: true,
  weightDecay: true,
};

/** The names of {@link AdamWOptions}. */
export const adamWNames: OptionNames<AdamWOptions> = { ...settingNames, clipNorm: true };

/** Fills in what the groups leave out and checks everything. */
export function groupsOf(
  parameters: readonly Parameter[] | readonly ParameterGroup[],
  options: AdamWOptions,
): FullGroup[] {
  assertOptions("AdamW", options, adamWNames);
  const { clipNorm, ...shared } = options;
  const groups = asGroups(parameters).map((group): FullGroup => {
    assertOptions("a group", group, { ...settingNames, parameters: true });
    const { parameters, ...own } = group;
    const { learningRate, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = {
      ...shared,
      ...own,
    };
    return { parameters, learningRate, betas, epsilon, weightDecay };
  });
  if (clipNorm !== undefined) assertWithin("clipNorm", clipNorm, "above 0", clipNorm > 0);
  for (const group of groups) assertSettings(group, shared.learningRate);
  assertParameters(groups.flatMap(({ parameters }) => parameters));
  return groups.filter(({ parameters }) => parameters.length > 0);
}

function asGroups(items: readonly Parameter[] | readonly ParameterGroup[]): ParameterGroup[] {
  if (!Array.isArray(items)) {
    throw new TypeError(`AdamW needs a list of parameters or groups, found ${quote(items)}`);
  }
  const parameters = items.filter((item) => item instanceof Parameter);
  if (parameters.length > 0) return [{ parameters }];
  return [...items] as ParameterGroup[];
}

function assertSettings(
  { learningRate, betas, epsilon, weightDecay }: AdamWSettings,
  sharedRate: number,
): void {
  assertWithin("learningRate", learningRate, "at least 0", learningRate >= 0);
  assertWithin("learningRate", sharedRate, "at least 0", sharedRate >= 0);
  if (learningRate !== sharedRate) {
    const rule = "above 0 if a group has its own";
    assertWithin("learningRate", sharedRate, rule, sharedRate > 0);
  }
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new RangeError(`AdamW needs betas to be two numbers, found ${quote(betas)}`);
  }
  for (const beta of betas) {
    assertWithin("betas", beta, "in [0, 1)", beta >= 0 && beta < 1);
    // Moments that forget nothing would grow with every step.
    assertWithin("betas", beta, "below 1 in F32", Math.fround(beta) < 1);
  }
  assertWithin("epsilon", epsilon, "above 0", epsilon > 0);
  assertWithin("weightDecay", weightDecay, "at least 0", weightDecay >= 0);
}

/** Kernels take F32: a clipNorm of 1e-300 would be 0 there, which means none. */
function assertWithin(name: string, value: number, rule: string, holds: boolean): void {
  if (!holds || !Number.isFinite(value)) {
    throw new RangeError(`AdamW needs ${name} to be ${rule}, found ${quote(value)}`);
  }
  if (!fitsFloat32(value)) {
    throw new RangeError(
      `AdamW needs ${name} to be finite and not vanish in F32, found ${quote(value)}`,
    );
  }
}

function assertParameters(parameters: readonly Parameter[]): void {
  if (parameters.length === 0) throw new RangeError("AdamW needs trainable parameters, found none");
  const seen = new Set<Parameter>();
  for (const parameter of parameters) {
    if (seen.has(parameter)) {
      throw new RangeError(`AdamW needs each parameter once, found ${parameter.name} twice`);
    }
    seen.add(parameter);
    if (!parameter.trainable) {
      throw new RangeError(`AdamW needs trainable parameters, found ${parameter.name} frozen`);
    }
    if (parameter.gradient) {
      throw new RangeError(
        `AdamW needs parameters without an optimizer, found one on ${parameter.name}`,
      );
    }
    if (parameter.tensor.device !== parameters[0].tensor.device) {
      throw new DeviceError(
        `AdamW needs all parameters on one device, found ${parameter.name} on another`,
      );
    }
  }
}
