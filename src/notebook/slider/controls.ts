/** What a reader can move: every control is a list of values with a starting position. @module */

import { mostSliderSteps } from "../../core/limits.ts";
import { formatValue } from "../../figures/format.ts";
import type { Stepper } from "../../figures/stepper.ts";

/** A control's value at one position. */
export type Choice = string | number | boolean;

/** The label and unit of a control. */
export interface ControlWords {
  /** Its label; by default its key. */
  readonly label?: string;
  /** Unit of its values. */
  readonly unit?: string;
}

/** Equally spaced numbers. */
export interface Range extends ControlWords {
  /** The first number. */
  readonly from: number;
  /** The upper limit. */
  readonly to: number;
  /** The distance between two numbers. */
  readonly step: number;
  /** The starting value; by default `from`. */
  readonly value?: number;
}

/** Given values. */
export interface Choices<T extends Choice = Choice> extends ControlWords {
  /** Numbers are shown from left to right as a slider, everything else as a list. */
  readonly values: readonly T[];
  /** The starting value; by default the first. */
  readonly value?: T;
}

/** One control. */
export type Control = readonly Choice[] | Range | Choices;

/** Controls by name. */
export type Controls = Readonly<Record<string, Control>>;

/** The type of a control's value. */
export type ValueOf<C extends Control> = C extends Range ? number
  : C extends Choices<infer T> ? T
  : C extends readonly (infer T)[] ? T
  : never;

/** The values of all controls, by name. */
export type ValuesOf<C extends Controls> = { readonly [Name in keyof C]: ValueOf<C[Name]> };

/** A control with its values; numbers are a range, everything else is a choice. */
export interface Track extends Stepper {
  /** Its key. */
  readonly name: string;
  /** Its values, one for each text. */
  readonly values: readonly Choice[];
}

/**
 * The tracks of all controls.
 *
 * @throws {RangeError} when there is no control, or a control has no values or does not start at one of them.
 */
export function tracksOf(controls: Controls): Track[] {
  const names = Object.keys(controls);
  if (names.length === 0) throw new RangeError("slider needs at least one control, found none");
  return names.map((name) => trackOf(name, controls[name]));
}

/**
 * The track of one control.
 *
 * @throws {RangeError} when it has no values or does not start at one of them.
 */
export function trackOf(name: string, control: Control): Track {
  const { label = name, unit, value }: ControlWords & { value?: Choice } = isList(control)
    ? {}
    : control;
  const values = valuesOf(name, control), start = value === undefined ? 0 : values.indexOf(value);
  if (start < 0) {
    throw new RangeError(`${name} must start at one of its values, found ${value}`);
  }
  const texts = values.map((value) => textOf(value, unit));
  const isRange = values.every((value) => typeof value === "number");
  return { name, label, values, texts, start, isRange };
}

function isList(control: Control): control is readonly Choice[] {
  return Array.isArray(control);
}

function valuesOf(name: string, control: Control): readonly Choice[] {
  const values = isList(control)
    ? control
    : "values" in control
    ? control.values
    : rangeValues(name, control);
  if (values.length > 0) return values;
  throw new RangeError(`${name} needs values, found none`);
}

/** Rounded to twelve digits, so that three steps of 0.1 are 0.3. */
function rangeValues(name: string, { from, to, step }: Range): number[] {
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (!(step > 0 && count >= 1 && count <= mostSliderSteps)) {
    throw new RangeError(
      `${name} needs 1 to ${mostSliderSteps} steps, found ${from} to ${to} by ${step}`,
    );
  }
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toPrecision(12)));
}

/** A value as a reader sees it. */
export function textOf(value: Choice, unit?: string): string {
  const text = typeof value === "number" ? formatValue(value, "number") : String(value);
  if (unit === undefined) return text;
  return unit === "%" ? `${text}%` : `${text} ${unit}`;
}
