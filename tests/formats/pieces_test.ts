/** Reading tensors piece by piece. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { HostData } from "../../src/core/tensor.ts";
import { type FloatDtype, openSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { spoilLastValue } from "./adapter_folders.ts";

/** A tensor's pieces, each copied before the next one is read. */
async function piecesOf(pieces: AsyncIterable<{ start: number; data: HostData }>) {
  const found: { start: number; data: HostData }[] = [];
  for await (const { start, data } of pieces) found.push({ start, data: data.slice() });
  return found;
}

const values = (length: number) => Float32Array.from({ length }, (_, i) => i % 251 - 125);
const shapes = [[], [0, 3], [7], [600_001], [1001, 777], [3, 300_001], [2, 3, 70_001]];

Deno.test("pieces are a tensor's values in order, in whole rows or parts of one, from even elements", async () => {
  for (const dtype of ["F32", "F16", "BF16"] satisfies FloatDtype[]) {
    await withFolder(async (folder) => {
      const path = `${folder}/x.safetensors`;
      const tensors = shapes.map((shape, i) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        return [`x${i}`, { shape, data: values(size) }] as const;
      });
      await writeSafetensors(path, tensors, { dtype });
      using file = await openSafetensors(path);
      for (const [name, { shape, data }] of tensors) {
        const pieces = await piecesOf(file.pieces(name)), width = shape.at(-1) ?? 1;
        const whole = new Float32Array(data.length);
        let end = 0;
        for (const { start, data: piece } of pieces) {
          const { length } = piece;
          assertEquals(start, end, name);
          whole.set(piece, start);
          end += length;
          assert(start % 2 === 0 && length <= 2 ** 18, `${name}: ${length} at ${start}`);
          const isRows = start % width === 0 && length % width === 0;
          assert(isRows || length < width, `${name}: ${length} at ${start}`);
        }
        assertEquals([end, whole], [data.length, data]);
      }
    });
  }
});

Deno.test("two tensors may be read at the same time, and as their bits", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`, size = 600_000, data = values(size);
    const both = ["a", "b"].map((name, i) => {
      return [name, { shape: [size], data: data.map((x) => x * (i + 1)) }] as const;
    });
    await writeSafetensors(path, both, { dtype: "BF16" });
    using file = await openSafetensors(path);
    const [a, b] = ["a", "b"].map((name) => file.pieces(name)[Symbol.asyncIterator]());
    const [one, two] = [await a.next(), await b.next()].map(({ value }) => value.data);
    assertEquals([...one.slice(0, 300)], [...data.slice(0, 300)]);
    assertEquals([...two.slice(0, 300)], [...data.slice(0, 300).map((x) => 2 * x)]);
    const bits = await piecesOf(file.pieces("a", true));
    assertEquals(bits[0].data.slice(0, 2), Uint16Array.of(0xc2fa, 0xc2f8)); // -125 and -124
  });
});

Deno.test("a piece names the value that is not finite by its place in the whole", async () => {
  for (const dtype of ["F16", "BF16"] as const) {
    await withFolder(async (folder) => {
      const path = `${folder}/x.safetensors`;
      await writeSafetensors(path, [["x", { shape: [300, 1001], data: values(300_300) }]], {
        dtype,
      });
      await spoilLastValue(path);
      using file = await openSafetensors(path);
      for (const asStored of [false, true]) {
        await assertRejects(
          () => piecesOf(file.pieces("x", asStored)),
          RangeError,
          "values must be finite in F32, found NaN at [299, 1000]",
        );
      }
    });
  }
});
