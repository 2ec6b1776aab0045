import { assertEquals } from "@std/assert";
import { heatmaps } from "../../src/figures/heatmaps.ts";

const grid = (panel: number[][]) => ({
  ...{ columns: ["φ"], rows: [{ label: "i", panels: [panel] }], xTitle: "j", panelHeight: 100 },
});

Deno.test("ticks are at cells, and the axes begin with half a cell before the first", () => {
  const panel = Array.from({ length: 2 }, () => new Array<number>(64).fill(0.5));
  const { layout } = heatmaps(grid(panel));
  const { xaxis, yaxis } = layout as Record<string, Record<string, unknown>>;
  assertEquals([yaxis.tick0, yaxis.dtick, yaxis.range], [1, 1, [2.5, 0.5]]);
  assertEquals([xaxis.tick0, xaxis.dtick, xaxis.range], [1, 16, [0, 64]]); // 1, 17, 33, 49
});

Deno.test("of many values, every second is drawn at its own position; of 32, all", () => {
  const panel = [1, 2].map((i) => Array.from({ length: 64 }, (_, j) => i * (j + 1) / 1000));
  const { data: [trace] } = heatmaps(grid(panel));
  const z = trace.z as number[][], { x0, dx, y0, dy } = trace;
  assertEquals([x0, dx, y0, dy], [1, 2, 1, 1]);
  assertEquals(z.map((row) => row.length), [32, 32]);
  assertEquals([z[0][0], z[0][1], z[1][31]], [0.001, 0.003, 0.126]); // j = 1, 3 and 63
  const { data: [all] } = heatmaps(grid(panel.map((row) => row.slice(0, 32))));
  assertEquals([all.dx, (all.z as number[][])[0].length], [1, 32]);
});

Deno.test("a low color bar has fewer labels, which do not touch", () => {
  const labels = (panelHeight: number) =>
    (heatmaps({ ...grid([[0.1]]), panelHeight }).layout.coloraxis as {
      colorbar: { tickvals: number[] };
    }).colorbar.tickvals;
  assertEquals([labels(110), labels(240)], [[0, 0.3, 0.6, 1], [0, 0.15, 0.3, 0.6, 1]]);
});

Deno.test("beyond chance the scale fits the values, with chance in its middle", () => {
  const { layout } = heatmaps({ ...grid([[0.11, -0.03]]), scale: "beyond chance" });
  const { cmin, cmax, colorscale, colorbar } = layout.coloraxis as Record<string, never>;
  assertEquals([cmin, cmax, colorscale[2]], [-0.2, 0.2, [0.5, "#ffffff"]]);
  const { tickvals, ticktext } = colorbar as Record<string, unknown>;
  assertEquals(tickvals, [-0.2, -0.1, 0, 0.1, 0.2]);
  assertEquals(ticktext, ["−0.2", "−0.1", "chance", "+0.1", "+0.2"]);
});

/** Luma of a color on a scale, 0 to 255: a measure of how different two colors look. */
function lumaOf(scale: [number, string][], value: number): number {
  const at = scale.findIndex(([end]) => end >= value),
    [[from, low], [to, high]] = scale.slice(at - 1);
  const share = (value - from) / (to - from);
  const weights = [0.299, 0.587, 0.114],
    part = (hex: string, i: number) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return weights.reduce(
    (sum, weight, i) => sum + weight * ((1 - share) * part(low, i) + share * part(high, i)),
    0,
  );
}

Deno.test("0.14 beside a chance of 0.03 is darker by more than a tenth of all the light", () => {
  const { colorscale } = heatmaps(grid([[0.14]])).layout.coloraxis as {
    colorscale: [number, string][];
  };
  const difference = lumaOf(colorscale, 0.03) - lumaOf(colorscale, 0.14);
  assertEquals(difference > 25.5, true, `${difference}`);
});
