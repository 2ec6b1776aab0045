/** The factors of many adapters at one layer, side by side. @module */

import { rowNorms, scaleRows } from "../../../kernels/column_scaling/kernel.ts";
import { fill, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type {
  GroupedGradients,
  GroupedMatrices,
  GroupedUpdates,
  GroupedVectors,
} from "../../autograd/ops/segments.ts";
import { DeviceError } from "../../core/errors.ts";
import type { HostData } from "../../core/tensor.ts";
import { countRows, rangesOf, type SiteRows } from "../../core/update.ts";
import { Arena, Scope } from "../../device/arena.ts";
import { type Device, Tensor } from "../../device/device.ts";
import { spanOver } from "../../device/spans.ts";
import type { PeftAdapter } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { Linear } from "../../nn/linear.ts";
import type { LoraPlan } from "../lora/site.ts";
import { copyTensor } from "../trained_modules.ts";

/** Table entry of `segment_product` for a part of a group, with its factor. */
export type ProductPart = readonly [
  n: number,
  k: number,
  fromColumn: number,
  start: number,
  toColumn: number,
  factor: number,
];

/** Table entry of `segment_outer` for a part of a group. */
export type OuterPart = readonly [
  m: number,
  n: number,
  pColumn: number,
  qColumn: number,
  start: number,
];

/** Matrices in `values` that rows are multiplied by, with tables that the scope owns. */
export function groupedMatrices(
  scope: Scope,
  name: string,
  values: Tensor,
  groups: readonly (readonly ProductPart[])[],
): GroupedMatrices {
  const { padded, parts, partCount } = partsOf(scope, name, groups);
  const factors = padded.map((part) => part[5] ?? 0);
  const scalings = scope.allocate([factors.length], "f32", "adapter", `${name} scalings`);
  scope.device.write(scalings, Float32Array.from(factors));
  const [mostN, mostK] = largest(groups);
  return { values, parts, factors: scalings, groups: groups.length, partCount, mostN, mostK };
}

/** Matrices in `values` that are sums over rows, with a table that the scope owns. */
export function groupedGradients(
  scope: Scope,
  name: string,
  values: Tensor,
  groups: readonly (readonly OuterPart[])[],
): GroupedGradients {
  const { parts, partCount } = partsOf(scope, name, groups), [mostM, mostN] = largest(groups);
  return { values, parts, groups: groups.length, partCount, mostM, mostN };
}

/** Groups with fewer parts than others have empty ones. */
function partsOf(scope: Scope, name: string, groups: readonly (readonly (readonly number[])[])[]) {
  const partCount = Math.max(...groups.map(({ length }) => length)), none = [0, 0, 0, 0, 0];
  const padded = groups.flatMap((own) =>
    Array.from({ length: partCount }, (_, i): readonly number[] => own[i] ?? none)
  );
  const numbers = padded.flatMap((part) => part.slice(0, 5));
  const parts = scope.allocate([numbers.length], "u32", "adapter", `${name} parts`);
  scope.device.write(parts, Uint32Array.from(numbers));
  return { padded, parts, partCount };
}

/** The largest of the first two numbers of all parts. */
const largest = (groups: readonly (readonly (readonly number[])[])[]): number[] =>
  [0, 1].map((i) => Math.max(...groups.flat().map((part) => part[i])));

/**
 * The tensors as one, which a kernel binds as a whole.
 *
 * @throws {DeviceError} when they are in several buffers, or one binding cannot hold them.
 */
export function joined(name: string, views: readonly Tensor[]): Tensor {
  const all = spanOver(views), { maxBindingBytes } = all.device;
  const isOne = views.every(({ storage }) => storage === all.storage);
  if (isOne && all.bytes <= maxBindingBytes) return all;
  const bytes = views.reduce((sum, { bytes }) => sum + bytes, 0);
  throw new DeviceError(
    `the adapters of ${name} must fit into one binding of ${maxBindingBytes} bytes, found ${bytes}`,
  );
}

/** The tensors of a site with a magnitude. */
export interface MagnitudeSite {
  /** (rank, in). */
  readonly A: Tensor;
  /** (out, rank), which is scaled. */
  readonly B: Tensor;
  /** The factor of B A. */
  readonly scaling: number;
  /** (2, out): the scale and the shift, which are written. */
  readonly vectors: Tensor;
}

/**
 * With q = m / ‖V‖ by rows and V = W + scaling · B A, DoRA's output q ∘ V x + b (Liu et al. 2024, equation 5) is
 * q ∘ y + (1 − q) ∘ b + scaling · (q ∘ B) A x of the base's own y = W x + b: writes q and (1 − q) ∘ b, and q ∘ B in the
 * place of B.
 */
function foldMagnitude(
  { weight, bias }: Linear,
  { A, B, scaling, vectors }: MagnitudeSite,
  magnitude: HostData,
): void {
  const { device, shape: [size, rank] } = B, width = A.shape[1];
  using scope = new Scope(device);
  const place = (shape: readonly number[], label: string) =>
    scope.allocate(shape, "f32", "scratch", label);
  using own = weight.dense();
  const V = copyTensor(own, place(own.shape, "direction"));
  const product = { m: size, n: width, k: rank, alpha: scaling, accumulate: 1 } as const;
  multiply(matrix(B), matrix(A), matrix(V), product);
  const [divisors, factors, ones] = ["norms", "magnitude", "ones"].map((label) =>
    place([size], label)
  );
  device.launch(rowNorms, { x: V, y: divisors }, { rows: size, width });
  device.write(factors, magnitude);
  device.launch(fill, { y: ones }, { size, value: 1 });
  const scaled = (x: Tensor, width: number) => {
    const y = place(x.shape, "scaled");
    device.launch(scaleRows, { x, factors, divisors, y }, { rows: size, width, accumulate: 0 });
    return y;
  };
  const add = (x: Tensor, yOffset: number, alpha: number, accumulate: 0 | 1) =>
    device.launch(scaleAdd, { x, y: vectors }, { size, xOffset: 0, yOffset, alpha, accumulate });
  copyTensor(scaled(B, rank), B);
  add(scaled(ones, 1), 0, 1, 0);
  if (!bias) return add(ones, size, 0, 0);
  add(bias.tensor, size, 1, 0);
  add(scaled(bias.tensor, 1), size, -1, 1);
}

/** One adapter's update of some rows of a layer's weight. */
export interface StackedSite {
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Output rows of the weight. */
  readonly rows: SiteRows;
  /** (rank, in), on the host or on the device. */
  readonly A: HostData | Tensor;
  /** (rows, rank). */
  readonly B: HostData | Tensor;
  /** DoRA's m, on the host, of a site that is not in a stack yet. */
  readonly magnitude?: HostData;
  /** Scale and shift from {@link foldMagnitude}, once B is scaled by it. */
  readonly vectors?: Tensor;
}

/** The updates of one layer by all adapters, A of all in one tensor and B in another. */
export class LayerStack extends Scope {
  /** The sites of each adapter, with their factors in the stack. */
  readonly groups: readonly (readonly StackedSite[])[];
  /** Updates that a batch takes for its rows; none where no adapter changes the layer. */
  readonly updates: GroupedUpdates | undefined;

  /**
   * Copies the factors of each adapter's sites.
   *
   * @throws {DeviceError} when there is no room for them, or one of the device's bindings cannot hold all.
   */
  constructor(
    device: Device,
    linear: Linear,
    groups: readonly (readonly StackedSite[])[],
  ) {
    super(device);
    try {
      const { name, extents: [outputs, width] } = linear;
      const own = groups.map((sites, group) =>
        sites.map((site, i) => ({ ...site, key: `${group} ${i}` }))
      );
      const sites = own.flat();
      const entries = [
        ...sites.map(({ key, rank }) => ({ name: `A ${key}`, shape: [rank, width] })),
        ...sites.map(({ key, rank, rows }) => ({
          name: `B ${key}`,
          shape: [countRows(rows), rank],
        })),
        ...sites.filter(hasMagnitude).map(({ key }) => ({ name: `m ${key}`, shape: [2, outputs] })),
      ];
      const arena = this.own(new Arena(device, entries, "adapter", `${name} adapters`));
      this.groups = own.map((sites) =>
        sites.map(({ key, ...site }) => {
          const [A, B] = ["A", "B"].map((part) => arena.view(`${part} ${key}`));
          copyInto(site.A, A);
          copyInto(site.B, B);
          if (!hasMagnitude(site)) return { ...site, A, B };
          const vectors = arena.view(`m ${key}`), { magnitude, ...rest } = site;
          if (site.vectors) copyTensor(site.vectors, vectors);
          else foldMagnitude(linear, { ...site, A, B, vectors }, magnitude!);
          return { ...rest, A, B, vectors };
        })
      );
      this.updates = sites.length > 0 ? this.#updatesOf(name, width) : undefined;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #updatesOf(name: string, width: number): GroupedUpdates {
    const sites = this.groups.flat();
    const [A, B] = [sites.map(({ A }) => A as Tensor), sites.map(({ B }) => B as Tensor)]
      .map((views) => joined(name, views));
    const columns = this.groups.map((sites) => {
      let column = 0;
      return sites.map(({ rank }) => (column += rank) - rank);
    });
    const shrink = this.groups.map((sites, group) =>
      sites.map(({ rank, scaling, A: view }, i): ProductPart => {
        const start = (view as Tensor).offset - A.offset;
        return [rank, width, 0, start, columns[group][i], scaling];
      })
    );
    const expand = this.groups.map((sites, group) =>
      sites.flatMap(({ rank, rows, B: view }, i) =>
        rangesOf(rows).map(({ before, start, count }): ProductPart => {
          const from = (view as Tensor).offset - B.offset + before * rank;
          return [count, rank, columns[group][i], from, start, 1];
        })
      )
    );
    return {
      shrink: groupedMatrices(this, name, A, shrink),
      expand: groupedMatrices(this, name, B, expand),
      vectors: this.#vectors(name),
      rank: Math.max(...this.groups.map((sites) => sites.reduce((sum, { rank }) => sum + rank, 0))),
    };
  }

  /** Places of the scale and shift of each group, if any has them. */
  #vectors(name: string): GroupedVectors | undefined {
    const own = this.groups.map((sites) => sites.find(hasMagnitude)?.vectors);
    const views = own.filter((one) => one !== undefined);
    if (views.length === 0) return undefined;
    const values = joined(name, views);
    const places = this.allocate([own.length], "u32", "adapter", `${name} places`);
    const numbers = own.map((one) => one ? 1 + one.offset - values.offset : 0);
    this.device.write(places, Uint32Array.from(numbers));
    return { values, places, groups: own.length };
  }
}

const hasMagnitude = ({ magnitude, vectors }: Pick<StackedSite, "magnitude" | "vectors">) =>
  magnitude !== undefined || vectors !== undefined;

function copyInto(from: HostData | Tensor, to: Tensor): void {
  if (from instanceof Tensor) copyTensor(from, to);
  else to.device.write(to, from);
}

/**
 * Asserts that all inputs of a model's linear layers belong to rows of the batch.
 *
 * @throws {RangeError} when those of a layer do not.
 */
export function assertSeesTokens({ architecture }: Model): void {
  const type = architecture?.modelType;
  if (!type?.startsWith("deberta")) return;
  throw new RangeError(
    `adapters of one batch need layers whose inputs are tokens, found ${type}, which projects distances too`,
  );
}

/**
 * The sites of an adapter by the paths of their layers.
 *
 * @throws {RangeError} when one is not A and B of a linear layer, with a magnitude of all of its rows or none.
 */
export function sitesOf(
  name: string,
  plans: readonly LoraPlan[],
): ReadonlyMap<string, readonly StackedSite[]> {
  for (const plan of plans) assertLinear(name, plan);
  const layers = Map.groupBy(plans, ({ site }) => site.linear.name);
  return new Map([...layers].map(([layer, own]) => [layer, own.map(stackedSite)]));
}

function stackedSite({ site: { rows }, magnitude, ...plan }: LoraPlan): StackedSite {
  const { rank, scaling, A, B = new Float32Array(countRows(rows) * rank) } = plan;
  const m = magnitude === "norms" ? undefined : magnitude;
  return { rank, scaling, rows, A, B, ...m && { magnitude: m } };
}

function assertLinear(name: string, { site, bias, magnitude, isStart }: LoraPlan): void {
  const { linear } = site, isLinear = linear instanceof Linear;
  const cases: Readonly<Record<string, boolean>> = {
    "DoRA of a part": magnitude !== undefined && countRows(site.rows) !== linear.extents[0],
    "a bias of B": bias !== undefined,
    "start values": isStart === true || magnitude === "norms",
    "an embedding": !isLinear,
    "a head": isLinear && linear.parts.head !== undefined,
  };
  const found = Object.keys(cases).find((what) => cases[what]);
  if (found) refuse(name, `${found} on ${site.name}`);
}

/**
 * Asserts that a file has updates alone.
 *
 * @throws {RangeError} when it has more.
 */
export function assertUpdatesAlone(name: string, { saved, biases, rows }: PeftAdapter): void {
  const counts = { "modules in full": saved, "the base's biases": biases, "rows of tables": rows };
  for (const [what, { size }] of Object.entries(counts)) {
    if (size > 0) refuse(name, what);
  }
}

function refuse(name: string, found: string): never {
  throw new RangeError(
    `adapters of one batch must be LoRA or DoRA of linear layers alone, found ${found} in "${name}"`,
  );
}
