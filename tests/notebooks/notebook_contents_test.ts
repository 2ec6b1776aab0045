import { assertEquals } from "@std/assert";
import { figureCard } from "../../src/figures/figure_card.ts";
import { linesSlider } from "../../src/figures/lines.ts";
import { questionHtml } from "../../src/notebook/predict/page.ts";
import { tracksOf } from "../../src/notebook/slider/controls.ts";
import { sliderHtml } from "../../src/notebook/slider/page.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { contentsOf } from "../support/notebook_contents.ts";

Deno.test("checks, predictions and both kinds of sliders are counted, each once", () => {
  const words = { id: "a", title: "A", caption: "", name: "rank", x: { title: "x" } };
  const steps = ["1", "2"].map((label) => ({ label, lines: [{ x: [1, 2], y: [1, 2] }] }));
  const [track] = tracksOf({ rank: [1, 2, 4] });
  const shown = [
    figureCard(linesSlider({ ...words, y: { title: "y" } }, steps), ""),
    ...[sliderHtml([track, track], ["first"], "address"), questionHtml("Which?", track)],
    ...[questionHtml("Which?", { ...track, isRange: false }), "<div>a text</div>"],
  ];
  const notebook = makeNotebook('await check("a", true);', ...shown.slice(1).map(() => "x"));
  shown.forEach((html, at) => {
    const data = { "text/html": html, "text/plain": "text" };
    notebook.cells[at].outputs = [{ output_type: "display_data", data, metadata: {} }];
  });
  const counts = { checks: 1, predictions: 2, pageSliders: 1, kernelSliders: 1 };
  assertEquals(contentsOf(notebook), { cells: 5, ...counts });
});
