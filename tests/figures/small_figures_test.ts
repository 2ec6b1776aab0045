import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { lowRankPictures, matrixTex, parameterDots, tableOf } from "../../src/figures/mod.ts";
import { plotSvg, staticSvg } from "../../src/figures/still.ts";

const words = { id: "f", title: "a figure", caption: "none" };

Deno.test("a table's headings are the keys of its rows, in their order and each once", () => {
  const { id, columns } = tableOf("Bytes of a step, by role", [
    { role: "weight", bytes: 4 },
    { role: "adapter", bytes: 2, note: "small" },
  ], { bytes: "bytes" });
  assertEquals(id, "bytes-of-a-step-by-role");
  assertEquals(columns.map(({ key, unit }) => [key, unit]), [
    ["role", "text"],
    ["bytes", "bytes"],
    ["note", "text"],
  ]);
});

Deno.test("a matrix in TeX has its rows and columns, with whole numbers exact and others rounded", () => {
  const data = Float32Array.of(1, -0.125, 1 / 3, 20);
  assertEquals(
    matrixTex({ shape: [2, 2], data }),
    "\\begin{pmatrix}1 & -0.125 \\\\ 0.333 & 20\\end{pmatrix}",
  );
  const wide = { shape: [1, 17], data: new Float32Array(17) };
  assertThrows(() => matrixTex(wide), RangeError, "at most 16 rows and columns, found 1,17");
  assertThrows(() => matrixTex({ shape: [4], data }), RangeError, "found 4");
});

Deno.test("dots of parameters have room for their numbers, on a logarithmic axis", async () => {
  const figure = parameterDots(words, [
    { label: "full", parameters: 1_000_000, color: "#d55e00" },
    { label: "LoRA", parameters: 250, color: "#0072b2" },
  ]);
  assertEquals(figure.layout.xaxis!.range, [1, 6.6]);
  // A number near the right edge ends at its dot: in the middle above it, a narrow figure would cut it.
  assertEquals(figure.data[0].textposition, ["top left", "top center"]);
  assertStringIncludes(await plotSvg(figure), ">1,000,000</text>");
});

Deno.test("pictures of a matrix: one for each rank, row by row, with its distance", async () => {
  const matrix = { shape: [2, 3], data: Float32Array.of(0, 1, 0.5, 1, 0, 0.12345) };
  const figure = lowRankPictures(words, [1, 2].map((rank) => ({ rank, matrix, error: 2 - rank })));
  assertEquals(figure.slider!.steps.map(({ label }) => label), ["1", "2"]);
  assertEquals(figure.data[0].z, [[0, 1, 0.5], [1, 0, 0.123]]);
  assertStringIncludes(await staticSvg(figure), "1 of 2 directions, distance 1.000");
});
