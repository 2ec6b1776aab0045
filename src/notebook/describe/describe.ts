/** Turns any value into the parts that are shown of it. @module */

import type { Part } from "../part.ts";
import type { SiteSpectrum } from "../../adapt/mod.ts";
import { describeClass, isShownInstance } from "./classes.ts";
import { findingTable, isFinding } from "./finding.ts";
import { describeRecord, isShownRecord } from "./records.ts";
import { describeTensor, isTensorLike } from "./tensor.ts";
import { describeSpectra } from "./training.ts";

/** The parts that are shown of a value: at least one. */
export async function describe(value: unknown): Promise<readonly Part[]> {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [inspect(value)];
  if (Array.isArray(value)) return await describeArray(value);
  if (isFinding(value)) return [findingTable([value])];
  if (isTensorLike(value)) return [describeTensor(value)];
  return await describeClass(value) ?? await describeRecord(value) ?? [inspect(value)];
}

/** Numbers stay an array, findings become one table, and anything else is shown item by item. */
async function describeArray(values: readonly unknown[]): Promise<readonly Part[]> {
  if (isNumeric(values)) return [inspect(values)];
  if (values.every(isFinding)) return [findingTable(values)];
  if (values.every(isSiteSpectrum)) return describeSpectra(values);
  const parts: Part[] = [];
  for (const value of values) parts.push(...await describe(value));
  return parts;
}

/** Whether a value is one of the toolkit's, or a list of those: what a cell may end with and show. */
export function isShown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length > 0 && value.every(isShown);
  return isFinding(value) || isShownInstance(value) || isShownRecord(value);
}

const isSiteSpectrum = (value: unknown): value is SiteSpectrum =>
  typeof value === "object" && value !== null && "name" in value && "singularValues" in value &&
  "noiseEdge" in value;

function isNumeric(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isNumeric);
  return typeof value === "number" || typeof value === "bigint";
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { colors: false, depth: 4 });
}
