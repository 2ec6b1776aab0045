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
