import { assert, assertEquals } from "@std/assert";
import { type Notebook, notebookText, parseNotebook } from "../support/notebook_file.ts";

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
