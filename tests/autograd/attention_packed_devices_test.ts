/** Attention on packed sequences: each is as it would be alone, whatever the others hold. */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { attention, fusedInputs, packSequences, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { ownCpu, withoutVariants } from "../kernels/devices.ts";
import { reference, testOn, webgpu } from "../support/devices.ts";
import {
  assertSame,
  assertSlope,
  fused,
  type Layout,
  layouts,
  lossWeights,
  type Outcome,
  outcomeOf,
  type Sight,
  tokensOf,
  valuesOf,
} from "./attention_layouts.ts";

type PackedSight = Sight & { readonly extents: { readonly lengths: readonly number[] } };

const sights: readonly PackedSight[] = [
  { extents: { lengths: [3, 1, 5] }, heads: 4, width: 12, causal: true },
  { extents: { lengths: [2, 17, 1, 7] }, heads: 3, width: 15, causal: false },
  { extents: { lengths: [33, 65] }, heads: 1, width: 33, causal: true },
  { extents: { lengths: [1, 130] }, heads: 2, width: 32, causal: false },
  { extents: { lengths: [9] }, heads: 2, width: 8, causal: true },
];

/** The first token of each sequence, and the end of the last. */
function startsOf({ lengths }: PackedSight["extents"]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + length);
  return starts;
}

/** A part of the rows of some arrays, which have as many of them. */
function rowsOf<T extends ArrayLike<number>>(
  arrays: readonly T[],
  rows: number,
  first: number,
  end: number,
): Float32Array[] {
  return arrays.map((data) => {
    const width = data.length / rows;
    return Float32Array.from(Array.from(data).slice(first * width, end * width));
  });
}

/** The output and all gradients. */
const arraysOf = ({ out, gradients }: Outcome) => [out, ...gradients.map((gradient) => gradient!)];

const titleOf = (layout: Layout, { extents: { lengths } }: PackedSight) =>
  `${layout.name}, lengths ${lengths}`;

/** Of each sequence, the bits of attention on a batch of this one alone, packed or not. */
async function checkAlone(device: Device, layout: Layout): Promise<void> {
  for (const sight of sights) {
    const starts = startsOf(sight.extents), tokens = tokensOf(sight);
    const values = valuesOf(layout, sight), weights = lossWeights(sight);
    const together = arraysOf(await outcomeOf(device, layout, sight, values, { weights }));
    for (const [b, time] of sight.extents.lengths.entries()) {
      const part = (arrays: readonly ArrayLike<number>[]) =>
        rowsOf(arrays, tokens, starts[b], starts[b + 1]);
      const [own] = part([weights]), expected = part(together);
      for (const extents of [{ batch: 1, time }, { lengths: [time] }]) {
        const alone = { ...sight, extents }, choices = { weights: own };
        const found = arraysOf(await outcomeOf(device, layout, alone, part(values), choices));
        const what = `${titleOf(layout, sight)}: sequence ${b}, ${JSON.stringify(extents)}`;
        assertEquals(rowsOf(found, time, 0, time), expected, what);
      }
    }
  }
}

/** Checks that the values of one sequence, NaN included, change no bit of the others. */
async function checkApart(device: Device, layout: Layout): Promise<void> {
  for (const sight of sights) {
    const starts = startsOf(sight.extents),
      tokens = tokensOf(sight),
      values = valuesOf(layout, sight);
    const before = arraysOf(await outcomeOf(device, layout, sight, values));
    for (const b of sight.extents.lengths.keys()) {
      for (const change of [(x: number) => 3 - x, () => NaN]) {
        const changed = values.map((data) => {
          const width = data.length / tokens,
            [first, end] = [starts[b] * width, starts[b + 1] * width];
          return data.map((x, at) => at >= first && at < end ? change(x) : x);
        });
        const after = arraysOf(await outcomeOf(device, layout, sight, changed));
        const what = `${titleOf(layout, sight)}: sequence ${b} changed by ${change}`;
        for (const other of sight.extents.lengths.keys()) {
          const part = (arrays: readonly ArrayLike<number>[]) =>
            rowsOf(arrays, tokens, starts[other], starts[other + 1]);
          if (other === b) assertNotEquals(part(after)[0], part(before)[0], what);
          else assertEquals(part(after), part(before), `${what}, sequence ${other} read`);
        }
      }
    }
  }
}

/** Sequences of one length have the bits of those that are not packed. */
async function checkEqualLengths(device: Device, layout: Layout): Promise<void> {
  for (const [heads, width, causal] of [[4, 12, true], [3, 15, false]] as const) {
    const padded = { heads, width, causal, extents: { batch: 3, time: 9 } };
    const packed = { heads, width, causal, extents: { lengths: [9, 9, 9] } };
    const values = valuesOf(layout, padded);
    const expected = await outcomeOf(device, layout, padded, values);
    assertEquals(await outcomeOf(device, layout, packed, values), expected, layout.name);
  }
}

/** Sequences are what they are where the shorter ones are padded and a mask hides it, to rounding. */
async function checkPadded(device: Device, layout: Layout): Promise<void> {
  for (const sight of sights) {
    const { lengths } = sight.extents, time = Math.max(...lengths), tokens = tokensOf(sight);
    const starts = startsOf(sight.extents), batch = lengths.length;
    /** The rows of each sequence with rows of 0 behind them, and back. */
    const padded = (data: Float32Array) => {
      const width = data.length / tokens, all = new Float32Array(batch * time * width);
      lengths.forEach((_, b) =>
        all.set(data.subarray(starts[b] * width, starts[b + 1] * width), b * time * width)
      );
      return all;
    };
    const packed = (data: ArrayLike<number>) =>
      lengths.flatMap((length, b) =>
        Array.from(rowsOf([data], batch * time, b * time, b * time + length)[0])
      );
    const mask = Uint32Array.from(
      { length: batch * time },
      (_, at) => Number(at % time < lengths[Math.floor(at / time)]),
    );
    const values = valuesOf(layout, sight), weights = lossWeights(sight);
    const found = arraysOf(await outcomeOf(device, layout, sight, values));
    const expected = arraysOf(
      await outcomeOf(
        device,
        layout,
        { ...sight, extents: { batch, time }, mask },
        values.map(padded),
        { weights: padded(weights) },
      ),
    );
    expected.forEach((data, i) => assertSame(titleOf(layout, sight), found[i], packed(data)));
  }
}

/** Fails unless a device agrees with the reference to 1e-5 of the largest value. */
async function checkAgainstReference(device: Device, layout: Layout): Promise<void> {
  using exact = new ReferenceDevice();
  for (const sight of sights) {
    const values = valuesOf(layout, sight);
    const expected = arraysOf(await outcomeOf(exact, layout, sight, values));
    const found = arraysOf(await outcomeOf(device, layout, sight, values));
    expected.forEach((data, i) => assertSame(titleOf(layout, sight), found[i], data));
  }
}

await testOn(
  [reference, ownCpu, webgpu],
  layouts.flatMap((layout) => [
    {
      name: `a packed sequence has the bits that it has alone: ${layout.name}`,
      run: (device) => checkAlone(device, layout),
    },
    {
      name: `packed sequences do not see each other: ${layout.name}`,
      run: (device) => checkApart(device, layout),
    },
    {
      name: `packed sequences of one length have the bits of others: ${layout.name}`,
      run: (device) => checkEqualLengths(device, layout),
    },
    {
      name: `packed sequences are what padded ones are behind a mask: ${layout.name}`,
      run: (device) => checkPadded(device, layout),
    },
  ]),
);

await testOn(
  [ownCpu, webgpu],
  layouts.map((layout) => ({
    name: `attention on packed sequences is the reference's: ${layout.name}`,
    run: (device) => checkAgainstReference(device, layout),
  })),
);

// The plain programs on WebGPU take seconds to compile: one layout for all.
await testOn([withoutVariants], [
  { name: "a packed sequence has the bits that it has alone", run: (on) => checkAlone(on, fused) },
  { name: "packed sequences do not see each other", run: (on) => checkApart(on, fused) },
]);

for (const layout of layouts) {
  Deno.test(`attention's gradient on packed sequences is its slope: ${layout.name}`, async () => {
    for (const sight of sights.slice(0, 2)) await assertSlope(layout, sight);
  });
}

Deno.test("packed sequences refuse a mask, other tokens, and lengths that are none", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device);
  const qkv = tape.activation([5, 12], "qkv"), sequences = packSequences(tape, [2, 3]);
  const attend = (options: object) => () =>
    attention(tape, fusedInputs(qkv), { sequences, heads: 1, causal: true, ...options });
  const mask = tape.allocate([2, 3], "u32", "activation", "mask");
  assertThrows(
    attend({ mask }),
    RangeError,
    "packed sequences have no padding to hide, found a mask of [2, 3]",
  );
  assertThrows(
    attend({ sequences: packSequences(tape, [2, 2]) }),
    ShapeError,
    "q of 4 packed tokens must be columns of 4 rows, found 4 from 0 of [5, 12]",
  );
  assertThrows(
    attend({ sequences: { ...sequences, lengths: [5] } }),
    ShapeError,
    "the starts of packed sequences must have shape [2], found [3]",
  );
  const none = "packed sequences must be at least one, found none";
  assertThrows(attend({ sequences: { ...sequences, lengths: [] } }), RangeError, none);
  assertThrows(() => packSequences(tape, []), RangeError, none);
  for (const length of [0, -1, 1.5, NaN]) {
    const message =
      `the length of a packed sequence must be a positive integer, found ${length} at 1`;
    assertThrows(() => packSequences(tape, [3, length]), RangeError, message);
    assertThrows(
      attend({ sequences: { ...sequences, lengths: [5, length] } }),
      RangeError,
      message,
    );
  }
});

Deno.test("packSequences writes the first rows and the end, and the tape frees them", async () => {
  using device = new ReferenceDevice();
  {
    using tape = new Tape(device);
    const { starts, lengths } = packSequences(tape, [2, 1, 4]);
    assertEquals(lengths, [2, 1, 4]);
    assertEquals(Array.from((await device.read(starts))[0].data), [0, 2, 3, 7]);
  }
  assertEquals(device.ledger.read().live, 0);
});
