import { assertEquals, assertStringIncludes } from "@std/assert";
import { linesFigure, linesSlider } from "../../src/figures/marks.ts";
import { axis, baseLayout, logAxis } from "../../src/figures/figure.ts";
import { plotSvg, staticSvg } from "../../src/figures/still.ts";

const words = { id: "l", title: "lines", caption: "none" };
const axes = { x: { title: "rank", log: true }, y: { title: "times" } };
const rising = { name: "rising", x: [1, 10, 100], y: [0, 2, 8] };

Deno.test("axes fit their lines, and linear ones have zero", async () => {
  const { layout, data } = linesFigure({ ...words, ...axes }, [rising, {
    ...rising,
    dashed: true,
  }]);
  const [low, high] = layout.xaxis!.range as [number, number];
  assertEquals([low < 0, low > -0.2, high > 2, high < 2.2], [true, true, true, true]);
  assertEquals(layout.yaxis!.range, [0, 1.05 * 8]);
  assertEquals(data.map(({ line }) => line!.dash), [undefined, "dash"]);
  assertStringIncludes(await plotSvg({ ...words, data, layout }), ">rising</text>");
});

Deno.test("what is below zero is on the axis", () => {
  const { layout } = linesFigure({ ...words, ...axes }, [{ x: [1, 2], y: [-4, 10] }]);
  assertEquals(layout.yaxis!.range, [1.05 * -4, 1.05 * 10]);
});

Deno.test("a single line needs no name, and a figure can have no values yet", async () => {
  const empty = linesFigure({ ...words, ...axes }, [{ x: [], y: [] }]);
  assertEquals(Object.hasOwn(empty.data[0], "name"), false);
  assertStringIncludes(await plotSvg(empty), "<svg");
});

Deno.test("the axes of a slider fit the lines of all its steps", async () => {
  const steps = [2, 50].map((top) => ({
    label: `${top}`,
    lines: [{ name: "one", x: [1, 2], y: [1, top] }],
  }));
  const figure = linesSlider({ ...words, ...axes, name: "top" }, steps);
  assertEquals(figure.layout.yaxis!.range, [0, 1.05 * 50]);
  assertEquals(figure.slider!.steps.map(({ data }) => data[0].y), [[1, 2], [1, 50]]);
  assertStringIncludes(await staticSvg(figure), "Shown: top 2.");
});

Deno.test("a logarithmic axis has full numbers, and of a few values each has a tick", () => {
  const ranks = [1, 2, 4, 8, 64];
  const { layout } = linesFigure({ ...words, x: axes.x, y: { title: "times", log: true } }, [
    { x: ranks, y: ranks.map((rank) => 100_000 / rank) },
    { x: ranks, y: ranks.map((rank) => 50_000 / rank) },
  ]);
  assertEquals(layout.xaxis!.ticktext, ["1", "2", "4", "8", "64"]);
  assertEquals([layout.yaxis!.tickvals, layout.yaxis!.tickformat], [undefined, ",~r"]);
});

Deno.test("an axis down to 1e-10 has few labels, with exponents", async () => {
  const y = Array.from({ length: 11 }, (_, i) => 10 ** -i), x = y.map((_, i) => i);
  const svg = await plotSvg(
    linesFigure({ ...words, x: axes.x, y: { title: "loss", log: true } }, [{ x, y }]),
  );
  const texts = Array.from(svg.matchAll(/>([\d.,e−-]+)<\/text>/g), ([, text]) => text);
  const small = texts.filter((text) => Number(text.replace("−", "-")) < 1e-7);
  assertEquals(small, ["1e−10", "1e−8"]);
  assertEquals(texts.filter((text) => text.length > 8), []);
});

/** The numbers along the y axis of a picture. */
async function labels(low: number, high: number): Promise<string[]> {
  const data = [{ type: "scatter", x: [0, 1], y: [low, high] }] as const;
  const layout = baseLayout(axis("", { visible: false }), logAxis("y"), { height: 260 });
  const svg = await plotSvg({ ...words, data, layout });
  const texts = Array.from(
    svg.matchAll(/>([\d,.]+)<\/text>/g),
    ([, text]) => text.replaceAll(",", ""),
  );
  return texts.filter((text) => Number(text) >= low && Number(text) <= high && Number(text) !== 0);
}

Deno.test("2 on a logarithmic axis is 2, over a third of a decade and over three", async () => {
  for (const [low, high] of [[3, 6], [0.2, 3], [4, 90], [0.5, 700]]) {
    const numbers = (await labels(low, high)).map(Number).filter((value) => value !== 0);
    assertEquals(numbers.length >= 2, true, `${low} to ${high}: ${numbers}`);
    assertEquals(new Set(numbers).size, numbers.length, `${low} to ${high}: ${numbers}`);
  }
});

Deno.test("an axis of a few whole numbers has no tick between them, and zero alone is at its start", () => {
  const axesOf = (x: number[], y: number[]) =>
    linesFigure({ ...words, x: { title: "step" }, y: { title: "times" } }, [{ x, y }]).layout;
  const { xaxis, yaxis } = axesOf([0], [0]);
  assertEquals([xaxis!.range, xaxis!.dtick, yaxis!.range], [[0, 1], 1, [0, 1]]);
  assertEquals(axesOf([1, 2], [1, 4]).xaxis!.dtick, 1);
  assertEquals(axesOf([0, 0.5], [1, 4]).xaxis!.dtick, undefined);
  assertEquals(axesOf([0, 40], [1, 4]).xaxis!.dtick, undefined);
});
