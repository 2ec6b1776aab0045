import { assertEquals } from "@std/assert";
import { heatmaps } from "../../src/figures/heatmaps.ts";
import { plotHtml } from "../../slides/drawing.ts";

Deno.test("on a phone, narrow panels have fewer numbers below them, which are level", async () => {
  const panel = Array.from({ length: 12 }, () => new Array<number>(12).fill(0.5));
  const columns = ["two runs", "random"], rows = [{ label: "i", panels: [panel, panel] }];
  const figure = heatmaps({ columns, rows, xTitle: "j", panelHeight: 200 });
  const html = await plotHtml({ id: "p", title: "", caption: "", ...figure }, "two panels");
  const [small, large] = Array.from(
    html.matchAll(/base64,([^"]*)/g),
    ([, coded]) => numbers(coded),
  );
  assertEquals(small, ["1", "5", "9", "1", "5", "9"]);
  assertEquals(large, ["1", "3", "5", "7", "9", "11", "1", "3", "5", "7", "9", "11"]);
});

/** The level numbers below the panels of a picture. */
function numbers(coded: string): string[] {
  const svg = new TextDecoder().decode(Uint8Array.fromBase64(coded));
  return Array.from(
    svg.matchAll(/<text text-anchor="middle"[^>]*>(\d+)<\/text>/g),
    ([whole, text]) => /rotate\((?!0)/.test(whole) ? [] : [text],
  ).flat();
}
