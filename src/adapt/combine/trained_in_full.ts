/** Sums of what adapters have trained in full, in the place of the base's own values. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { lazily } from "../../core/lazily.ts";
import { oneLine } from "../../core/quote.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { TrainedRows } from "../../formats/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { assertRows } from "../token_rows.ts";
import type { WeightedRecord } from "./read_adapters.ts";

/** A tensor that stands in for the base's, with the weight of its adapter. */
interface Replacement {
  readonly tensor: HostTensor;
  readonly weight: number;
}

/** How far a sum of weights may be from 1, as that of 0.1, 0.2 and 0.7 is. */
const rounding = 1e-12;

/**
 * W₀ + Σ wᵢ (Wᵢ − W₀) = (1 − Σ wᵢ) W₀ + Σ wᵢ Wᵢ for every tensor that some adapters have: without W₀ where their
 * weights sum to 1.
 *
 * @throws {RangeError} when W₀ is needed and there is none, or shapes differ.
 */
export async function sumOfTensors(
  adapters: readonly WeightedRecord[],
  tensorsOf: (record: WeightedRecord["record"]) => ReadonlyMap<string, HostTensor> | undefined,
  base: BaseFile | undefined,
): Promise<Map<string, HostTensor>> {
  const found = new Map<string, Replacement[]>();
  for (const { weight, record } of adapters) {
    for (const [name, tensor] of tensorsOf(record) ?? []) {
      found.set(name, [...found.get(name) ?? [], { tensor, weight }]);
    }
  }
  const sums = new Map<string, HostTensor>();
  for (const [name, parts] of found) {
    sums.set(name, await sumOf(oneLine(name), parts, () => ownTensor(name, base)));
  }
  return sums;
}

/** The same of rows of embeddings, each token by itself. */
export async function sumOfRows(
  adapters: readonly WeightedRecord[],
  base: BaseFile | undefined,
): Promise<Map<string, TrainedRows>> {
  const names = new Set(adapters.flatMap(({ record }) => [...record.rows.keys()]));
  const sums = new Map<string, TrainedRows>();
  for (const name of names) {
    const what = oneLine(name),
      all = adapters.flatMap(({ weight, record }) =>
        rowsOf(record.rows.get(name)).map(([index, tensor]) => ({ index, tensor, weight }))
      );
    const table = tableOf(name, base), values: HostTensor[] = [];
    const groups = Map.groupBy(all, ({ index }) => index), indices = [...groups.keys()];
    for (const [index, parts] of groups) {
      values.push(
        await sumOf(`row ${index} of ${what}`, parts, async () => (await table?.())?.(index)),
      );
    }
    sums.set(name, { indices, values: stacked(values) });
  }
  return sums;
}

/** Gives rows of an embedding of the base, which is read when the first one is needed. */
function tableOf(module: string, base?: BaseFile) {
  return base && lazily(async () => {
    const table = await base.file.read(base.tableOf(module));
    return (index: number) => {
      assertRows(oneLine(module), table.shape, { indices: [index] });
      return rowOf(table, index);
    };
  });
}

/** Rows of one width as a matrix. */
function stacked(rows: readonly HostTensor[]): HostTensor {
  const [{ shape: [width] }] = rows, data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => data.set(row.data, i * width));
  return { shape: [rows.length, width], data };
}

function rowsOf(rows?: TrainedRows): [number, HostTensor][] {
  if (!rows) return [];
  return rows.indices.map((index, i) => [index, rowOf(rows.values, i)]);
}

async function sumOf(
  what: string,
  parts: readonly Replacement[],
  own: () => Promise<HostTensor | undefined>,
): Promise<HostTensor> {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const all = [...parts];
  if (Math.abs(1 - total) > rounding) {
    const tensor = await own();
    if (!tensor) {
      throw new RangeError(
        `combine needs --base with ${what}, which was trained in full, or weights of its adapters that sum to 1, ` +
          `found ${total}`,
      );
    }
    all.push({ tensor, weight: 1 - total });
  }
  const [{ tensor: { shape } }] = all, data = new Float64Array(parts[0].tensor.data.length);
  for (const { tensor, weight } of all) {
    if (!sameShape(tensor.shape, shape)) {
      const found = `${formatShape(shape)} and ${formatShape(tensor.shape)}`;
      throw new RangeError(`combine needs one shape of ${what}, found ${found}`);
    }
    for (let i = 0; i < data.length; i++) data[i] += weight * tensor.data[i];
  }
  return { shape, data: Float32Array.from(data) };
}

async function ownTensor(name: string, base?: BaseFile): Promise<HostTensor | undefined> {
  const [key, ...others] = base?.find(name) ?? [];
  return key === undefined || others.length > 0 ? undefined : await base!.file.read(key);
}

function rowOf({ shape: [, width], data }: HostTensor, index: number): HostTensor {
  const row = data.subarray(index * width, (index + 1) * width);
  return { shape: [width], data: Float32Array.from(row) };
}
