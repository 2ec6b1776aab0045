import { assert, assertEquals } from "@std/assert";
import { figureCard } from "../../src/figures/show.ts";
import { linesSlider } from "../../src/figures/marks.ts";
import { questionHtml } from "../../src/notebook/predict.ts";
import { sliderHtml, tracksOf } from "../../src/notebook/slider.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { contentsOf } from "../../scripts/support/notebook_contents.ts";
import { type Notebook, notebookText, parseNotebook } from "../../scripts/support/notebook_file.ts";

Deno.test("a plot is on one line of the file, and is read as it was written", () => {
  const plot = { data: [{ type: "scatter", y: [1, 2, '"\u00000"'] }], layout: {} };
  const data = { "application/vnd.plotly.v1+json": plot, "text/plain": "a\nb" };
  const notebook = {
    cells: [{
      ...{ cell_type: "code", id: "a", metadata: {}, execution_count: 1, source: "x" },
      outputs: [{ output_type: "display_data", data, metadata: {} }],
    }],
    ...{ metadata: {}, nbformat: 4, nbformat_minor: 5 },
  } as unknown as Notebook;
  const text = notebookText(notebook);
  assertEquals(parseNotebook(text), notebook);
  const line = text.split("\n").find((line) => line.includes('"scatter"'))!;
  assert(line.includes('"layout":{}'), line);
});

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
