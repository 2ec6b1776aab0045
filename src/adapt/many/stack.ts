/** The factors of many adapters at one layer, side by side. @module */

import type { GroupedUpdates, GroupedVectors } from "../../autograd/ops/segments.ts";
import type { HostData } from "../../core/host_tensor.ts";
import { countRows, rangesOf, type SiteRows } from "../../core/row_range.ts";
import { Arena } from "../../device/arena.ts";
import { type Device, Tensor } from "../../device/device.ts";
import { Scope } from "../../device/scope.ts";
import type { Linear } from "../../nn/linear.ts";
import { copyTensor } from "../copy_tensor.ts";
import { groupedMatrices, joined, type ProductPart } from "./grouped_parts.ts";
import { foldMagnitude } from "./magnitude.ts";

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
  /** What {@link foldMagnitude} has made of it, once B is scaled by it. */
  readonly vectors?: Tensor;
}

/** The updates of one layer by all adapters, A of all in one tensor and B in another. */
export class LayerStack extends Scope {
  /** The sites of each adapter, with their factors in the stack. */
  readonly groups: readonly (readonly StackedSite[])[];
  /** What a batch takes its rows' updates from; none where no adapter changes the layer. */
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

  /** Where each group has a scale and a shift, if any has. */
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
