/** The fastest programs for products, as `deno task tune` has measured them on an adapter. @module */

import type { AdapterTraits, ProductSize } from "../../../kernels/kernel.ts";
import { isProductProgram } from "../../../kernels/matmul/kernel.ts";
import { isRecord, isText } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { environmentVariable } from "../../core/platform.ts";

/** A product and the program that was the fastest for it. */
export interface TunedProduct extends ProductSize {
  /** Its name. */
  readonly program: string;
}

/** Measured products, by the name of the adapter. */
export type TunedAdapters = Readonly<Record<string, readonly TunedProduct[]>>;

const variable = "LOWRANK_TUNED";

const extents = ["m", "n", "k"] as const, layouts = ["transposeA", "transposeB"] as const;

const isTuned = (value: unknown): value is TunedProduct =>
  isRecord(value) && isText(value.program) && isProductProgram(value.program) &&
  extents.every((name) => Number.isSafeInteger(value[name]) && Number(value[name]) > 0) &&
  layouts.every((name) => value[name] === 0 || value[name] === 1);

/**
 * Checks the measurements of all adapters in a file, which errors name.
 *
 * @throws {RangeError} when it has something else.
 */
export function checkTuned(path: string, file: unknown): TunedAdapters {
  const isWhole = (products: unknown) => Array.isArray(products) && products.every(isTuned);
  const wrong = isRecord(file)
    ? Object.entries(file).find(([, products]) => !isWhole(products))
    : [quote(file)];
  if (!wrong) return file as TunedAdapters;
  const rule = "must have for each adapter the products that deno task tune writes";
  throw new RangeError(`${path} ${rule}, found others: ${wrong[0]}`);
}

/** Distance of two sizes, in powers of two. */
const distance = (a: ProductSize, b: ProductSize): number =>
  extents.reduce((sum, name) => sum + Math.abs(Math.log2(Math.max(1, a[name]) / b[name])), 0);

/** Finds the program of the nearest product of the same layout; undefined where none has the layout. */
export function nearestProduct(
  products: readonly TunedProduct[],
): NonNullable<AdapterTraits["fastestProduct"]> {
  const known = new Map<string, string | undefined>();
  const find = (size: ProductSize): string | undefined => {
    const alike = products.filter((one) => layouts.every((name) => one[name] === size[name]));
    return alike.toSorted((a, b) => distance(size, a) - distance(size, b))[0]?.program;
  };
  return (size) => {
    const key = [...extents, ...layouts].map((name) => size[name]).join();
    return known.getOrInsertComputed(key, () => find(size));
  };
}

/**
 * Reads what was measured on an adapter from the file that `LOWRANK_TUNED` names; undefined where it names none.
 *
 * @throws {RangeError} when the file is not there, is another one, or has nothing of this adapter.
 */
export async function tunedFor(adapter: string): Promise<AdapterTraits["fastestProduct"]> {
  const path = environmentVariable(variable);
  if (!path) return undefined;
  const { readJson } = await import("../../storage/files.ts"); // pages have no variables, and no disk
  const file = await readJson(path).catch(({ message }: Error) => {
    throw new RangeError(`${variable} must name a file of deno task tune: ${message}`);
  });
  const adapters = checkTuned(path, file);
  if (Object.hasOwn(adapters, adapter)) return nearestProduct(adapters[adapter]);
  const found = Object.keys(adapters).join(", ") || "none";
  const rule = `must have measurements of ${adapter}, which deno task tune adds`;
  throw new RangeError(`${variable}=${path} ${rule}, found ${found}`);
}
