/**
 * Layout of an optimizer's gradients and moments: contiguous, in the parameters' own order.
 *
 * @module
 */

import { momentBlock } from "../../kernels/adamw/kernel.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { sizeOf } from "../core/tensor.ts";
import { Arena, type ArenaEntry, type Scope } from "../device/arena.ts";
import type { Device, Tensor } from "../device/device.ts";
import type { Role } from "../device/ledger.ts";
import { inMemoryOrder, spanOver } from "../device/spans.ts";

/** A parameter with its gradient and its moments. */
export interface OptimizerSlot {
  /** The optimized parameter. */
  readonly parameter: Parameter;
  /** Index of its group. */
  readonly group: number;
  /** Its gradient, of its shape. */
  readonly gradient: Tensor;
  /** Running mean of the gradient, of its shape; in 8 bits its codes, four a word. */
  readonly first: Tensor;
  /** Running mean of the squared gradient, likewise. */
  readonly second: Tensor;
  /** Scales of the codes of moments in 8 bits; absent where they are in F32. */
  readonly scales?: MomentScales;
}

/** The largest magnitude of each 256 values of both moments. */
export interface MomentScales {
  /** Those of the first moment. */
  readonly first: Tensor;
  /** Those of the second. */
  readonly second: Tensor;
}

/** A slot whose moments are in 8 bits. */
export type EightBitSlot = OptimizerSlot & Required<Pick<OptimizerSlot, "scales">>;

/** Adjacent parameters of one group as flat ranges, padding included: one launch updates them all. */
export interface Run {
  /** Index of the group. */
  readonly group: number;
  /** Their values. */
  readonly parameter: Tensor;
  /** Their gradients. */
  readonly gradient: Tensor;
  /** Their first moments. */
  readonly first: Tensor;
  /** Their second moments. */
  readonly second: Tensor;
}

interface Member {
  readonly parameter: Parameter;
  readonly group: number;
}

/**
 * Gives every parameter a gradient (role `gradient`) and two moments (role `optimizer`), all zero, in
 * arenas that `scope` owns. Within a group they follow the order of the parameters in memory.
 *
 * @param leastEightBit Parameters of at least so many values have moments in 8 bits.
 */
export function layOut(
  scope: Scope,
  device: Device,
  groups: readonly (readonly Parameter[])[],
  leastEightBit: number,
): OptimizerSlot[] {
  const members = groups.flatMap((parameters, group) =>
    inMemoryOrder(parameters).map((parameter): Member => ({ parameter, group }))
  );
  const entries = members.map(({ parameter: { shape } }, i) => ({ name: String(i), shape }));
  const isWide = entries.map(({ shape }) => sizeOf(shape) < leastEightBit);
  const wide = entries.filter((_, i) => isWide[i]), narrow = entries.filter((_, i) => !isWide[i]);
  const arena = (role: Role, label: string, entries: readonly ArenaEntry[], type?: "u32") =>
    scope.own(new Arena(device, entries, role, label, type));
  const gradients = arena("gradient", "gradients", entries);
  const moments = ["first", "second"].map((which) => ({
    values: arena("optimizer", `${which} moments`, wide),
    codes: arena("optimizer", `codes of ${which} moments`, narrow.map(codesOf), "u32"),
    scales: arena("optimizer", `scales of ${which} moments`, narrow.map(scalesOf)),
  }));
  return members.map((member, i) => {
    const name = String(i), gradient = gradients.view(name);
    const [first, second] = moments.map((of) => (isWide[i] ? of.values : of.codes).view(name));
    if (isWide[i]) return { ...member, gradient, first, second };
    const [firstScales, secondScales] = moments.map(({ scales }) => scales.view(name));
    const scales = { first: firstScales, second: secondScales };
    return { ...member, gradient, first, second, scales };
  });
}

/** A byte for each value, in whole words. */
function codesOf({ name, shape }: ArenaEntry): ArenaEntry {
  const words = Math.ceil(sizeOf(shape) / 4);
  return { name, shape: [words], padding: 4 * words - sizeOf(shape) };
}

function scalesOf({ name, shape }: ArenaEntry): ArenaEntry {
  return { name, shape: [Math.ceil(sizeOf(shape) / momentBlock)] };
}

/** Joins slots of one group, with moments in F32, that are adjacent in memory with all that they have. */
export function runsOf(slots: readonly OptimizerSlot[]): Run[] {
  return chunksOf(slots, (a, b) => a.group === b.group && haveOneDistance(a, b))
    .map((slots) => ({
      group: slots[0].group,
      parameter: spanOver(slots.map(({ parameter }) => parameter.tensor)),
      gradient: spanOver(slots.map(({ gradient }) => gradient)),
      first: spanOver(slots.map(({ first }) => first)),
      second: spanOver(slots.map(({ second }) => second)),
    }));
}

/** Their moments have neighbors in F32 only, so that a parameter with others in between has another distance. */
function haveOneDistance(a: OptimizerSlot, b: OptimizerSlot): boolean {
  const tensorsOf = (
    { parameter, gradient, first, second }: OptimizerSlot,
  ) => [parameter.tensor, gradient, first, second];
  const distance = b.gradient.offset - a.gradient.offset, others = tensorsOf(b);
  return tensorsOf(a).every((tensor, i) =>
    areNeighbors(tensor, others[i]) && others[i].offset - tensor.offset === distance
  );
}

/** All gradients as one flat range per buffer, whatever their group. */
export function gradientRanges(slots: readonly OptimizerSlot[]): Tensor[] {
  return chunksOf(slots.map(({ gradient }) => gradient), areNeighbors).map(spanOver);
}

/** Within an arena, consecutive views are adjacent, apart from padding. */
function areNeighbors(a: Tensor, b: Tensor): boolean {
  return a.storage === b.storage;
}

function chunksOf<T>(items: readonly T[], belong: (a: T, b: T) => boolean): T[][] {
  const chunks: T[][] = [];
  items.forEach((item, i) => {
    if (i > 0 && belong(items[i - 1], item)) chunks[chunks.length - 1].push(item);
    else chunks.push([item]);
  });
  return chunks;
}
