import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/core/errors.ts";
import {
  assertUpdate,
  deltaWeight,
  type LowRankFactors,
  type LowRankUpdate,
  siteName,
} from "../../src/core/update.ts";

const tensor = (...shape: number[]) => {
  return { shape, data: new Float32Array(shape.reduce((size, extent) => size * extent, 1)) };
};

const factors: LowRankFactors = { A: tensor(2, 3), B: tensor(4, 2), scaling: 1 };
const module = "h.0.attn.c_attn", rows = { start: 4, count: 4 };

Deno.test("a site has one spelling: its role, its rows, or the layer's path for all of them", () => {
  assertEquals(siteName({ module }), module);
  assertEquals(siteName({ module, role: "q" }), `${module}:q`);
  assertEquals(siteName({ module, role: "q", rows, outputs: 12 }), `${module}:q`);
  assertEquals(siteName({ module, rows }), `${module}[4:8]`);
  assertEquals(siteName({ module, rows, outputs: 12 }), `${module}[4:8]`);
  assertEquals(siteName({ module, rows: { start: 0, count: 12 }, outputs: 12 }), module);
});

Deno.test("updates that fit are accepted, alone and for a weight", () => {
  assertUpdate(factors);
  assertUpdate(factors, [4, 3]);
  assertUpdate({ ...factors, module, rows }, [12, 3]);
});

Deno.test("one check says in one sentence what does not fit", () => {
  const named: LowRankUpdate = { ...factors, module, role: "q" };
  const of = (name: string, A: string, B: string) => `A and B of ${name} must be ${A} and ${B}`;
  const cases: [LowRankFactors | LowRankUpdate, readonly number[] | undefined, string][] = [
    [
      { ...factors, A: tensor(3, 3) },
      undefined,
      `${of("the update", "(rank, in)", "(out, rank)")}, found [3, 3] and [4, 2]`,
    ],
    [
      { ...named, A: tensor(0, 3), B: tensor(4, 0) },
      undefined,
      `${of(`${module}:q`, "(rank, in)", "(out, rank)")}, found [0, 3] and [4, 0]`,
    ],
    [
      { ...named, B: tensor(4, 2, 1) },
      undefined,
      `${of(`${module}:q`, "(rank, in)", "(out, rank)")}, found [2, 3] and [4, 2, 1]`,
    ],
    [
      { ...factors, module, rows: { start: 4, count: 5 } },
      undefined,
      `${of(`${module}[4:9]`, "(rank, in)", "(5, rank)")}, found [2, 3] and [4, 2]`,
    ],
    [
      { ...factors, module },
      [5, 3],
      `${of(module, "(rank, 3)", "(5, rank)")}, found [2, 3] and [4, 2]`,
    ],
    [
      { ...factors, module, rows },
      [12, 2],
      `${of(`${module}[4:8]`, "(rank, 2)", "(4, rank)")}, found [2, 3] and [4, 2]`,
    ],
    [
      { ...named, B: { shape: [4, 2], data: new Float32Array(3) } },
      undefined,
      `B of ${module}:q must have 8 values for [4, 2], found 3`,
    ],
  ];
  for (const [update, weight, sentence] of cases) {
    assertThrows(() => assertUpdate(update, weight), ShapeError, sentence);
  }
  for (const scaling of [Infinity, NaN, 1e308, -3.5e38]) {
    const sentence = `the scaling of ${module}:q must be finite in F32, found ${scaling}`;
    assertThrows(() => assertUpdate({ ...named, scaling }), RangeError, sentence);
  }
  for (const scaling of [1e-300, -(2 ** -127)]) {
    const sentence = `the scaling of ${module}:q must not vanish in F32, found ${scaling}`;
    assertThrows(() => assertUpdate({ ...named, scaling }), RangeError, sentence);
  }
  for (const scaling of [0, 2 ** -126, -3.4e38]) assertUpdate({ ...named, scaling });
  assertThrows(() => deltaWeight({ ...named, A: tensor(3) }), ShapeError, "found [3] and [4, 2]");
});
