import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { palette } from "../../src/figures/figure.ts";
import { plotSvg, staticSvg } from "../../src/figures/still.ts";
import { textWidth } from "../../src/figures/format.ts";
import { decodePng } from "./decode_png.ts";
import { cells, hostile, lines, moving } from "./fixtures.ts";

Deno.test("a static figure is self-contained: size, white paper, title, caption, axes, a mark per trace", async () => {
  const svg = await staticSvg(lines);
  assertMatch(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="800" height="\d+"/);
  assertStringIncludes(svg, 'rx="6" fill="#ffffff"');
  for (const text of ["Two lines", "Seed 1.", "step", "loss (nats)", "one", "two"]) {
    assertStringIncludes(svg, `>${text}</text>`);
  }
  const strokes = Array.from(
    svg.matchAll(/stroke:(#\w+);stroke-width:2px/g),
    ([, color]) => color,
  );
  const [one, two] = palette.series;
  assertEquals(strokes, [one, two, one, two]); // in the plot, then in the legend
});

Deno.test("the same figure gives the same bytes, even among others", async () => {
  const alone = [await plotSvg(lines), await plotSvg(moving)];
  assertEquals(await Promise.all([lines, moving].map((figure) => plotSvg(figure))), alone);
});

Deno.test("two figures in a page share no id", async () => {
  const ids = (svg: string) => Array.from(svg.matchAll(/ id="([^"]+)"/g), ([, id]) => id);
  const [one, two] = [ids(await plotSvg(lines)), ids(await plotSvg({ ...lines, id: "others" }))];
  assertEquals(one.length > 0 && one.length === two.length, true);
  assertEquals(one.filter((id) => two.includes(id)), []);
});

Deno.test("text is escaped and broken into lines that fit", async () => {
  const svg = await staticSvg({ ...lines, title: hostile, caption: "word ".repeat(100).trim() });
  assertEquals(svg.includes("<img"), false);
  const drawn = Array.from(svg.matchAll(/>(word[^<]*)<\/text>/g), ([, line]) => line);
  assertEquals(drawn.join(" ").split(" ").length, 100);
  assertEquals(drawn.every((line) => textWidth(line, 13) <= 768), true);
  assertEquals(drawn.length < 10, true);
});

Deno.test("a heat map is a picture of its values, the first row lowest", async () => {
  const [, data] = /href="data:image\/png;base64,([^"]+)"/.exec(await plotSvg(cells))!;
  const { width, height, data: pixels } = decodePng(Uint8Array.fromBase64(data));
  const pixel = (x: number, y: number) => {
    const at = 4 * (Math.floor(y * height) * width + Math.floor(x * width));
    return [...pixels.subarray(at, at + 4)];
  };
  const red = [255, 0, 0, 255], blue = [0, 0, 255, 255];
  assertEquals([pixel(0.25, 0.75), pixel(0.75, 0.75)], [red, blue]);
  assertEquals([pixel(0.25, 0.25), pixel(0.75, 0.25)], [blue, blue]);
});

Deno.test("what plotly does not know is refused with the figure's name", async () => {
  const wrong = { ...lines, layout: { ...lines.layout, xaxi: {} } };
  await assertRejects(() => plotSvg(wrong), TypeError, 'cannot draw the figure "lines": In layout');
  const data = [{ type: "scatter" as const, y: [1], opacity: 7 }];
  await assertRejects(() => plotSvg({ ...lines, data }), TypeError, "opacity");
});
