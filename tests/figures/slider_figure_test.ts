import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sliderFigure } from "../../src/figures/slider_figure.ts";
import { plotSvg } from "../../src/figures/static_svg.ts";
import { lines, moving } from "./fixtures.ts";

Deno.test("a slider figure starts with its first step and has a frame for each", () => {
  assertEquals(moving.data, moving.frames![0].data);
  assertEquals(moving.frames!.map(({ name }) => name), ["1", "2", "3"]);
  assertEquals(moving.frames![2].layout, { title: { text: "three times 3 is 9" } });
  const [{ steps }] = moving.layout.sliders as { steps: { label: string; args: unknown[] }[] }[];
  assertEquals(steps.map(({ label, args }) => [label, args[0]]), [
    ["1", ["1"]],
    ["2", ["2"]],
    ["3", ["3"]],
  ]);
});

Deno.test("its still picture shows the slider and the line of the first step", async () => {
  const svg = await plotSvg(moving);
  assertStringIncludes(svg, ">slope: 1</text>");
  assertStringIncludes(svg, ">three times 1 is 3</text>");
});

Deno.test("a slider needs steps, and no two with the same name", () => {
  const make = (labels: string[]) => () =>
    sliderFigure({ ...lines, name: "n", steps: labels.map((label) => ({ label, data: [] })) });
  assertThrows(make([]), RangeError, "no steps");
  assertThrows(make(["a", "b", "a"]), RangeError, '"a"');
});
