/**
 * Layout of an optimizer's gradients and moments: contiguous, in the parameters' own order.
 *
 * @module
 */

import type { Parameter } from "../autograd/parameter.ts";
import { Arena, type Scope } from "../device/arena.ts";
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
  /** Running mean of the gradient, of its shape. */
  readonly first: Tensor;
  /** Running mean of the squared gradient, likewise. */
  readonly second: Tensor;
}

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
 */
export function layOut(
  scope: Scope,
  device: Device,
  groups: readonly (readonly Parameter[])[],
): OptimizerSlot[] {
  const members = groups.flatMap((parameters, group) =>
    inMemoryOrder(parameters).map((parameter): Member => ({ parameter, group }))
  );
  const entries = members.map(({ parameter: { shape } }, i) => ({ name: String(i), shape }));
  const arena = (role: Role, label: string) => scope.own(new Arena(device, entries, role, label));
  const gradients = arena("gradient", "gradients");
  const first = arena("optimizer", "first moments"), second = arena("optimizer", "second moments");
  return members.map((member, i) => ({
    ...member,
    gradient: gradients.view(String(i)),
    first: first.view(String(i)),
    second: second.view(String(i)),
  }));
}

/** Joins slots of one group whose parameters are adjacent in memory, like their gradients. */
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

/** Moments have the places of their gradients. */
function haveOneDistance(a: OptimizerSlot, b: OptimizerSlot): boolean {
  const [one, other] = [a.parameter.tensor, b.parameter.tensor];
  return areNeighbors(a.gradient, b.gradient) && areNeighbors(one, other) &&
    other.offset - one.offset === b.gradient.offset - a.gradient.offset;
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
