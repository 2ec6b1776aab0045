import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sliderFigure, wholeSteps } from "../../src/figures/figure.ts";
import { staticSvg } from "../../src/figures/still.ts";
import { lines, moving } from "./fixtures.ts";

Deno.test("a slider figure starts with its first step and is low enough to be seen beside its slider", () => {
  assertEquals(moving.data, moving.slider!.steps[0].data);
  assertEquals(moving.layout.height, 260);
  assertEquals(
    sliderFigure({ ...lines, ...moving.slider!, layout: { height: 200 } }).layout.height,
    200,
  );
});

Deno.test("what a step does not name is as in the first", () => {
  const [first, second] = [{ type: "bar", x: [1], y: [2] }, { type: "bar", y: [3] }] as const;
  const steps = [first, second].map((trace, i) => ({ label: `${i}`, data: [trace] }));
  const whole = wholeSteps({ name: "n", steps }, { height: 9 });
  assertEquals(whole.map(({ data }) => data), [[first], [{ ...first, y: [3] }]]);
});

Deno.test("its still picture says which step it shows", async () => {
  assertStringIncludes(
    await staticSvg(moving),
    "Shown: slope 1, three times 1 is 3. y = slope · x.",
  );
});

Deno.test("a slider needs steps, and no two with the same name", () => {
  const make = (labels: string[]) => () =>
    sliderFigure({ ...lines, name: "n", steps: labels.map((label) => ({ label, data: [] })) });
  assertThrows(make([]), RangeError, "no steps");
  assertThrows(make(["a", "b", "a"]), RangeError, '"a"');
});
