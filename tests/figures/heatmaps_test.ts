import { assertEquals } from "@std/assert";
import { heatmaps } from "../../src/figures/heatmaps.ts";

Deno.test("a short axis has a tick at every whole number, a long one a few", () => {
  const panel = Array.from({ length: 2 }, () => new Array<number>(16).fill(0.5));
  const rows = [{ label: "i", panels: [panel] }];
  const { layout } = heatmaps({ columns: ["φ"], rows, xTitle: "j", panelHeight: 100 });
  const { xaxis, yaxis } = layout as Record<string, Record<string, unknown>>;
  assertEquals([yaxis.tick0, yaxis.dtick, yaxis.nticks], [1, 1, undefined]);
  assertEquals([xaxis.dtick, xaxis.nticks], [undefined, 6]);
});

Deno.test("of many values, every fourth is drawn at its own position", () => {
  const panel = [1, 2].map((i) => Array.from({ length: 64 }, (_, j) => i * (j + 1) / 1000));
  const rows = [{ label: "i", panels: [panel] }];
  const { data: [trace] } = heatmaps({ columns: ["φ"], rows, xTitle: "j", panelHeight: 9 });
  const z = trace.z as number[][], { x0, dx, y0, dy } = trace;
  assertEquals([x0, dx, y0, dy], [1, 4, 1, 1]);
  assertEquals(z.map((row) => row.length), [16, 16]);
  assertEquals([z[0][0], z[0][1], z[1][15]], [0.001, 0.005, 0.122]); // j = 1, 5 and 61
});
