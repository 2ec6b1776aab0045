import { assertEquals } from "@std/assert";
import { bundleOf } from "../../src/notebook/part.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { differences } from "../support/notebook_compare.ts";
import type { Notebook } from "../../scripts/support/notebook_file.ts";
import type { Bundle } from "../../scripts/support/notebook_outputs.ts";

/** A notebook with one cell that showed this. */
function showed(data: Bundle, tags: string[] = []): Notebook {
  const notebook = makeNotebook("await show(x);"), [cell] = notebook.cells;
  cell.outputs = [{ output_type: "display_data", data, metadata: {} }];
  cell.metadata = { tags };
  return notebook;
}

const plain = (text: string, tags?: string[]) => showed({ "text/plain": text }, tags);
const plot = (value: unknown) => showed({ "application/vnd.plotly.v1+json": value });
const same = (a: Notebook, b: Notebook) => differences(a, b).length === 0;

Deno.test("counts must be equal, other numbers close, and times need not be", () => {
  const rows: [before: string, after: string, equal: boolean][] = [
    ["1,234 parameters", "1,234 parameters", true],
    ["1,234 parameters", "1,235 parameters", false],
    ["loss 1.234", "loss 1.219", true],
    ["loss 1.234", "loss 1.11", false],
    ["angle 0.01", "angle 0.02", true], // a digit of rounding
    ["angle 0.01", "angle 0.04", false],
    ["slope -0.52", "slope 0.52", false],
    ["1.02e-7", "1.03e-7", true],
    ["1.02e-7", "2.02e-7", false],
    ["5e-7", "6e-7", true],
    ["done, 12 s", "done, 3.5 s", true],
    ["900 tokens/s", "1200 tokens/s", true],
    ["12 steps", "3 steps", false],
    ["loss 1.0", "cost 1.0", false],
    ["a  0.99", "a 1.00", true], // the column moved
  ];
  for (const [before, after, equal] of rows) {
    assertEquals([before, after, same(plain(before), plain(after))], [before, after, equal]);
  }
});

Deno.test("a tag exempts a cell's values, but not their kinds", () => {
  assertEquals(same(plain("on a fast CPU", ["varies"]), plain("on a GPU", ["varies"])), true);
  assertEquals(same(plain("a", ["varies"]), plot({})), false);
});

Deno.test("another machine has another device", () => {
  const on = (device: string, source: string) => {
    const notebook = plain(device);
    notebook.cells[0].source = source;
    return notebook;
  };
  const equal = (source: string) =>
    same(on("cpu, Haswell", source), on("webgpu, lavapipe", source));
  assertEquals(equal('import { setup } from "@lowrank/core/notebook";\nawait setup();'), true);
  assertEquals(equal("await show(device);"), false);
});

Deno.test("the data of a figure are compared array by array, its text word by word", () => {
  const figure = (y: number[], title = "Loss") => plot({ data: [{ y }], layout: { title } });
  assertEquals(same(figure([10, 0.1, 3.5]), figure([10.2, 0.3, 3.4])), true);
  assertEquals(same(figure([10, 0.1, 3.5]), figure([10, 0.1, 4.5])), false);
  assertEquals(same(figure([1, 2, 3]), figure([1, 2, 4])), false);
  assertEquals(same(figure([1, 2, 3]), figure([1, 2])), false);
  assertEquals(same(figure([1, 2]), figure([1, 2], "Cost")), false);
  assertEquals(same(plot({ data: [{ x: 1, y: 2 }] }), plot({ data: [{ y: 2, x: 1 }] })), true);
  assertEquals(same(plot({ data: [{ x: 1 }] }), plot({ data: [{ y: 1 }] })), false);
});

Deno.test("a figure in an output with other parts is compared as if it were alone", async () => {
  const stacked = async (y: number[]) => {
    const data = [{ type: "scatter" as const, y }];
    const figure = { id: "f", title: "F", caption: "", data, layout: {} };
    return showed({ ...await bundleOf(["text", figure]) });
  };
  assertEquals(same(await stacked([1, 0.5]), await stacked([1, 0.51])), true);
  assertEquals(same(await stacked([1, 0.5]), await stacked([1, 0.7])), false);
});

Deno.test("an output that is missing, twice or under another cell is a difference", () => {
  const two = (first: string[], second: string[]) => {
    const notebook = makeNotebook("await show(a);", "await show(b);");
    [first, second].forEach((texts, index) =>
      notebook.cells[index].outputs = texts.map((text) => ({
        output_type: "display_data",
        data: { "text/plain": text },
        metadata: {},
      }))
    );
    return notebook;
  };
  const right = two(["a"], ["b"]);
  assertEquals(same(right, two(["a"], ["b"])), true);
  for (const wrong of [two([], ["b"]), two(["a", "a"], ["b"]), two([], ["a", "b"])]) {
    assertEquals(same(right, wrong), false);
  }
  assertEquals(same(right, two(["b"], ["a"])), false);
});
