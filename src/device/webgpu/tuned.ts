/** The fastest programs for products, as `deno task tune` has measured them on an adapter. @module */

import type { AdapterTraits, ProductSize } from "../../../kernels/kernel.ts";
import { isProductProgram } from "../../../kernels/matmul/kernel.ts";
import { isRecord, isText } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { environmentVariable } from "../../core/platform.ts";
import { hash32 } from "../../core/random.ts";

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
  const refuse = (found: string) => {
    const rule = "must have for each adapter the products that deno task tune writes";
    return new RangeError(`${path} ${rule}, found ${found}`);
  };
  if (!isRecord(file)) throw refuse(quote(file));
  for (const [adapter, products] of Object.entries(file)) {
    if (!Array.isArray(products) || products.length === 0) {
      throw refuse(`${quote(products)} of ${adapter}`);
    }
    const wrong = products.find((product) => !isTuned(product));
    if (wrong !== undefined) throw refuse(`${quote(wrong)} of ${adapter}`);
  }
  return file as TunedAdapters;
}

/** A size and layout as a key of a map. */
export const sizeKey = (size: ProductSize): string =>
  [...extents, ...layouts].map((name) => size[name]).join();

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
  return (size) => known.getOrInsertComputed(sizeKey(size), () => find(size));
}

/** Products measured on an adapter, as a device uses them. */
export interface Tuned {
  /** Finds the program for a product. */
  readonly fastestProduct: NonNullable<AdapterTraits["fastestProduct"]>;
  /** `tuned 3fa9c1d2`, a digest of sizes and programs: what another file changes in the bits of results. */
  readonly label: string;
}

/** A digest of sizes and programs, without what else a file has. */
function digestOf(products: readonly TunedProduct[]): string {
  const text = products.map((product) => `${sizeKey(product)},${product.program}`).join(";");
  const hash = new TextEncoder().encode(text).reduce(hash32, 0);
  return hash.toString(16).padStart(8, "0");
}

/**
 * Reads what was measured on an adapter from the file that `LOWRANK_TUNED` names; undefined where it names none.
 *
 * @throws {RangeError} when the file is not there, is another one, or has nothing of this adapter.
 */
export async function tunedFor(adapter: string): Promise<Tuned | undefined> {
  const path = environmentVariable(variable);
  if (!path) return undefined;
  const { readJson } = await import("../../storage/files.ts"); // pages have no variables, and no disk
  const file = await readJson(path).catch(({ message }: Error) => {
    throw new RangeError(`${variable} must name a file of deno task tune: ${message}`);
  });
  const adapters = checkTuned(path, file);
  if (!Object.hasOwn(adapters, adapter)) {
    const found = Object.keys(adapters).join(", ") || "none";
    const rule = `must have measurements of ${adapter}, which deno task tune adds`;
    throw new RangeError(`${variable}=${path} ${rule}, found ${found}`);
  }
  const products = adapters[adapter];
  return { fastestProduct: nearestProduct(products), label: `tuned ${digestOf(products)}` };
}
