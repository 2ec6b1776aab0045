/** `plot`: lines from whatever numbers one has. */

import { assertEquals, assertThrows } from "@std/assert";
import { plot } from "../../src/figures/mod.ts";

const linesOf = (figure: ReturnType<typeof plot>) =>
  figure.data.map(({ name, x, y }) => [name, x, y]);

Deno.test("plot draws values, points and histories under their names", () => {
  assertEquals(linesOf(plot({ y: [3, 2] })), [["y", [1, 2], [3, 2]]]);
  assertEquals(linesOf(plot({ y: Float32Array.of(3, 2) })), [["y", [1, 2], [3, 2]]]);
  assertEquals(linesOf(plot({ x: [10, 20], y: [3, 2] })), [["y", [10, 20], [3, 2]]]);
  const full = { loss: [3, 1], heldOut: [{ step: 0, loss: 4 }] }, LoRA = { loss: [3, 2] };
  const figure = plot({ full, LoRA });
  assertEquals(linesOf(figure), [
    ["full", [1, 2], [3, 1]],
    ["full, held out", [0], [4]],
    ["LoRA", [1, 2], [3, 2]],
  ]);
  assertEquals([figure.title, figure.layout.showlegend], ["Training loss", true]);
  assertEquals(plot({ a: [1], b: { x: [1], y: [2] } }).title, "a, b");
  assertEquals(plot({ y: [1] }, { title: "t", caption: "c" }).caption, "c");
});

Deno.test("a held-out curve has the color of its training, and the axis begins at the losses", () => {
  const full = { loss: [3, 1], heldOut: [{ step: 0, loss: 4 }] }, LoRA = { loss: [3, 2] };
  const { data, layout } = plot({ full, LoRA });
  const [own, heldOut, other] = data.map(({ line }) => (line as { color: string }).color);
  assertEquals([heldOut === own, other === own], [true, false]);
  const rangemode = (y: unknown) => (y as { rangemode?: string }).rangemode;
  assertEquals([rangemode(layout.yaxis), rangemode(plot({ y: [3] }).layout.yaxis)], [
    undefined,
    "tozero",
  ]);
});

Deno.test("plot says what it needs where it gets something else", () => {
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const wrong = (lines: any, sentence: string) =>
    assertThrows(() => plot(lines), TypeError, sentence);
  wrong(
    undefined,
    "plot needs lines by name, as in plot({ y }) or plot({ LoRA: history }), found nothing",
  );
  wrong([1, 2], "found a list");
  wrong({ loss: [1, 2] }, "found a history");
  wrong({}, "plot needs at least one line, found none");
  wrong({ y: "3" }, 'or a history as "y", found "3"');
  wrong({ y: ["3"] }, 'as "y", found ["3"]');
  wrong({ a: { x: [1, 2], y: [1] } }, 'points { x, y } of one length, or a history as "a"');
  wrong({ a: null }, 'as "a", found null');
});
