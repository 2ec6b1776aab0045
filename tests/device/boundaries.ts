/** Calls that every device refuses before it touches memory, the dry device included. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { addKernel, fill, matmul, scaleAdd } from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/device.ts";

/** Opens a fresh device of the kind under test. */
export type Open = () => Device | Promise<Device>;

/** A promise of a device. */
export interface DeviceCheck {
  readonly name: string;
  run(open: Open): Promise<void>;
}

const wrongExtents = [[-1, -2], [1.5], [NaN], [Infinity], [2, -1], ["3" as unknown as number]];
const wrongCounts = [-1, 1.5, NaN, 2 ** 53, Infinity];

/** The scalars of a product of dense matrices. */
const dense = (m: number, n: number, k: number) => ({
  ...{ m, n, k, transposeA: 0, transposeB: 0, aOffset: 0, aStride: k, bOffset: 0, bStride: n },
  ...{ cOffset: 0, cStride: n, alpha: 1, hasBias: 0, accumulate: 0, ...onePair },
});

/** All of them. */
export const boundaryChecks: readonly DeviceCheck[] = [
  {
    name: "extents are whole numbers from 0, and their product is exact",
    run: async (open) => {
      using device = await open();
      const allocate = (shape: number[]) => device.allocate(shape, "f32", "scratch", "x");
      for (const shape of wrongExtents) {
        const rule = `whole numbers from 0 as extents, found [${shape.join(", ")}]`;
        assertThrows(() => allocate(shape), ShapeError, rule);
      }
      assertThrows(() => allocate([2 ** 27, 2 ** 26]), ShapeError, "fewer than 2^53 elements");
      assertEquals(device.ledger.read().live, 0);
      using empty = allocate([0, 5]);
      assertEquals(empty.size, 0);
    },
  },
  {
    name: "padding is a part of a tensor's bytes",
    run: async (open) => {
      using device = await open();
      for (const padding of [-4, 20, 1.5, NaN]) {
        const allocate = () => device.allocate([4], "f32", "scratch", "x", padding);
        assertThrows(allocate, RangeError, `0 to 16 bytes, found ${padding}`);
      }
    },
  },
  {
    name: "a view has whole extents and starts within its tensor",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([4, 2], "f32", "scratch", "x");
      for (const shape of wrongExtents) assertThrows(() => x.view(shape), ShapeError, "extents");
      for (const offset of [-1, 0.5, NaN]) {
        assertThrows(() => x.view([1], offset), ShapeError, `at ${offset} must start at a whole`);
      }
      assertThrows(() => x.view([2], 7), ShapeError, "within x [4, 2]");
      assertEquals(x.view([0], 8).size, 0);
    },
  },
  {
    name: "a launch that would reach beyond a tensor is refused by kernel, binding and numbers",
    run: async (open) => {
      using device = await open();
      using short = device.allocate([128], "f32", "scratch", "short");
      using long = device.allocate([130], "f32", "scratch", "long");
      const refuses = (work: () => void, message: string) =>
        assertThrows(work, ShapeError, message);
      refuses(
        () => device.launch(fill, { y: short.view([64], 64) }, { size: 65, value: 1 }),
        "fill needs 65 elements of y for these scalars, found 64 in short",
      );
      refuses(
        () => device.launch(addKernel, { a: short, b: long, out: long }, { size: 129 }),
        "add needs 129 elements of a for these scalars, found 128 in short",
      );
      const shifted = { size: 100, xOffset: 0, yOffset: 31, alpha: 1, accumulate: 0 };
      refuses(
        () => device.launch(scaleAdd, { x: short, y: long }, shifted),
        "scale_add needs 131 elements of y for these scalars, found 130 in long",
      );
      const product = { a: short, b: short, a2: short, b2: short, bias: short, c: long };
      refuses(
        () => device.launch(matmul, product, { ...dense(4, 8, 16), aStride: 40 }),
        "matmul needs 136 elements of a for these scalars, found 128 in short",
      );
      device.launch(matmul, product, dense(8, 8, 16));
    },
  },
  {
    name: "scalars of type u32 are whole numbers from 0, those of type f32 any numbers",
    run: async (open) => {
      using device = await open();
      using y = device.allocate([4], "f32", "scratch", "y");
      // The dry device counts what no kernel could index.
      const [most, beyond] = device.kind === "dry" ? [2 ** 53 - 1, []] : [2 ** 32 - 1, [2 ** 32]];
      for (const size of [...wrongCounts, ...beyond]) {
        const work = () => device.launch(fill, { y }, { size, value: 1 });
        const rule = `fill takes size as a whole number from 0 to ${most}, found ${size}`;
        assertThrows(work, RangeError, rule);
      }
      for (const name of ["size", "value"]) {
        const scalars = { size: 4, value: 1, [name]: undefined as unknown as number };
        const work = () => device.launch(fill, { y }, scalars);
        assertThrows(work, TypeError, `fill takes ${name} as a number, found undefined`);
      }
      device.launch(fill, { y }, { size: 4, value: -Infinity });
      device.launch(fill, { y }, { size: 0, value: NaN });
    },
  },
];
