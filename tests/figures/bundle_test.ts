import { assertEquals, assertStringIncludes } from "@std/assert";
import { figureLoader } from "../../src/figures/loader.ts";
import { figureBundle } from "../../src/figures/show.ts";
import { formulaBundle } from "../../src/figures/formula.ts";
import { compactJson } from "../../src/figures/html.ts";
import { staticSvg } from "../../src/figures/still.ts";
import { tableBundle } from "../../src/figures/table_bundle.ts";
import { hostile, lines, moving } from "./fixtures.ts";

Deno.test("a figure's bundle has four forms, each with its title", async () => {
  const bundle = await figureBundle(lines);
  assertEquals(Object.keys(bundle), [
    "application/vnd.plotly.v1+json",
    "text/html",
    "image/svg+xml",
    "text/plain",
  ]);
  assertEquals(bundle["image/svg+xml"], await staticSvg(lines));
  for (const form of Object.values(bundle)) {
    assertStringIncludes(typeof form === "string" ? form : JSON.stringify(form), "Two lines");
  }
  assertStringIncludes(String(bundle["text/plain"]), "Seed 1.\n  one: scatter, 3 values");
});

Deno.test("pictures of a given width have text of the usual size, in lines that fit", async () => {
  const caption = "a caption of many words ".repeat(4).trim();
  const narrow = String((await figureBundle({ ...lines, caption }, 400))["image/svg+xml"]);
  assertStringIncludes(narrow, '<svg xmlns="http://www.w3.org/2000/svg" width="400"');
  const ofCaption = (svg: string) => svg.match(/font-size:13px;fill:#5b6270/g)?.length;
  assertEquals([ofCaption(await staticSvg({ ...lines, caption })), ofCaption(narrow)], [1, 2]);
});

Deno.test("the HTML begins with the still picture, and no text can end its script", async () => {
  const html = String(
    (await figureBundle({ ...lines, title: hostile, caption: hostile }))["text/html"],
  );
  assertEquals(html.indexOf("<img alt=") < html.indexOf("<script>"), true);
  assertEquals(html.match(/<\/script>/g)?.length, 1);
  assertEquals(html.match(/<img/g)?.length, 1);
  const [, data] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html)!;
  assertStringIncludes(new TextDecoder().decode(Uint8Array.fromBase64(data)), "<svg");
});

Deno.test("if only plotly draws, each step has the title above its own line", async () => {
  const form = (await figureBundle(moving))["application/vnd.plotly.v1+json"];
  const { layout } = form as typeof moving;
  assertEquals(layout.title?.text, "A line that turns<br><sub>three times 1 is 3</sub>");
  const [{ steps }] = layout.sliders as { steps: { args: Record<string, unknown>[] }[] }[];
  assertEquals(
    steps.map(({ args: [, changes] }) => changes["title.text"]),
    [1, 2, 3].map((slope) =>
      `A line that turns<br><sub>three times ${slope} is ${3 * slope}</sub>`
    ),
  );
});

Deno.test("symbols of a figure have indices and powers, and its values stay as they are", async () => {
  const data = [{ type: "scatter", name: "W_q", y: Float32Array.of(1, 2) } as const];
  const bundle = await figureBundle({ ...lines, data, caption: "in ΔW·S^½" });
  const { data: [{ name, y }] } = bundle["application/vnd.plotly.v1+json"] as typeof lines;
  assertEquals([name, y], ["<i>W</i><sub>q</sub>", [1, 2]]);
  assertStringIncludes(String(bundle["text/html"]), "in ΔW·S<sup>½</sup>");
});

Deno.test("numbers have six digits, typed arrays are lists, non-finite values are gaps", () => {
  const values = { x: Float32Array.of(0.1, 3), y: [1 / 3, 123456789, 1e-9 / 3, NaN, Infinity] };
  assertEquals(compactJson(values), '{"x":[0.1,3],"y":[0.333333,123456789,3.33333e-10,null,null]}');
});

Deno.test("the loader carries plotly once, compressed, and nothing from elsewhere", async () => {
  const html = await figureLoader();
  assertEquals(html.length < 700_000, true);
  assertEquals(/https?:/.test(html), false);
});

Deno.test("a table's bundle needs no style sheet, and its text has columns", async () => {
  const bundle = await tableBundle({
    id: "t",
    title: hostile,
    columns: [
      { key: "name", label: "name", unit: "text", detail: "why" },
      { key: "count", label: "count", unit: "count" },
      { key: "verdict", label: "", unit: "verdict" },
      { key: "tex", label: "formula", unit: "math" },
    ],
    rows: [
      { name: hostile, count: 1234567, verdict: "reproduced", tex: "a<b", why: "small" },
      { name: "b", verdict: "differs" },
    ],
  });
  const html = String(bundle["text/html"]);
  assertEquals(/class=|<style|<svg|onerror="/.test(html), false);
  assertEquals(html.match(/<img alt="a&lt;b" style="vertical-align[^"]*" src="data:/g)?.length, 1);
  assertStringIncludes(html, "background:#d8f0e4");
  const [, head, first, second] = String(bundle["text/plain"]).split("\n");
  assertEquals(head.indexOf("count") + "count".length, first.indexOf("1,234,567") + 9);
  assertEquals(second.slice(0, 1), "b");
});

Deno.test("a formula is LaTeX, a picture for light and dark, and text, but not HTML", async () => {
  const bundle = await formulaBundle("\\Delta W = s B A");
  assertEquals(Object.keys(bundle), ["text/latex", "image/svg+xml", "text/plain"]);
  assertEquals(bundle["text/latex"], "$$\\Delta W = s B A$$");
  assertStringIncludes(String(bundle["image/svg+xml"]), "prefers-color-scheme:dark");
});

Deno.test("in a notebook every verdict has its color", async () => {
  const words = ["reproduced", "not reproduced at this scale", "differs", "quoted"];
  const columns = [{ key: "verdict", label: "", unit: "verdict" }] as const;
  const rows = words.map((verdict) => ({ verdict }));
  const html = String((await tableBundle({ id: "v", title: "V", columns, rows }))["text/html"]);
  const colors = Array.from(
    html.matchAll(/<span style="[^"]*background:(#\w+)/g),
    ([, color]) => color,
  );
  assertEquals(new Set(colors).size, words.length);
});

Deno.test("columns of one group stand below its heading, and as text each has it in its own", async () => {
  const column = (key: string, group?: string) =>
    ({ key, label: key, unit: "count", group }) as const;
  const table = { id: "g", title: "Groups", rows: [{ a: 1, b: 2, c: 3 }] };
  const columns = [column("a"), column("b", "32 × 512"), column("c", "32 × 512")];
  const bundle = await tableBundle({ ...table, columns });
  const heads = String(bundle["text/html"]).match(/<th(?: [^>]*)?>[^<]*/g)!;
  const shown = heads.map((head) => [/colspan="(\d)"/.exec(head)?.[1], head.split(">")[1]]);
  assertEquals(shown, [["1", ""], ["2", "32 × 512"], [undefined, "a"], [undefined, "b"], [
    undefined,
    "c",
  ]]);
  assertStringIncludes(String(bundle["text/plain"]), "a  32 × 512, b  32 × 512, c");
});
