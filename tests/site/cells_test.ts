/** Cells of a notebook's page, as its worker compiles and runs them; here they run in Deno. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compileCell } from "../../scripts/site/run/kernel/compile.ts";
import { inspect } from "../../scripts/site/run/kernel/inspect.ts";
import { entries } from "../../scripts/site/run/kernel/modules.ts";
import { NotInPage } from "../../scripts/site/run/kernel/not_in_page.ts";
import { lineOf, runCell } from "../../scripts/site/run/kernel/scope.ts";
import { AllCells, type CellEnd } from "../../scripts/site/run/page/all_cells.ts";
import { running } from "../../scripts/site/notebook.ts";
import { codeCells, parseNotebook } from "../../scripts/support/notebook_file.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** Runs cells in turn; gives the value of the last one. */
async function lastOf(...cells: readonly string[]): Promise<unknown> {
  let value: unknown;
  for (const cell of cells) value = await runCell(cell);
  return value;
}

Deno.test("a cell sees what cells before it declared, of every kind", async () => {
  const declared = `
const { a, b: [cellB, ...cellRest], c = 3 } = { a: 1, b: [2, 4, 5] };
let cellCount, cellSum = a + cellB;
function cellTwice(x: number): number { return 2 * x; }
class CellPair<T> { constructor(readonly one: T, readonly two: T) {} }
export const cellArrow = (x: number) => cellTwice(x) + c;`;
  const used =
    "cellCount = cellTwice(cellSum); new CellPair(cellArrow(cellCount), cellRest.length)";
  assertEquals({ ...await lastOf(declared, used) as object }, { one: 15, two: 2 });
});

Deno.test("a cell may run again, and functions of other cells see the new value", async () => {
  const first = "const cellAgain = 1;", second = "const cellAsk = () => cellAgain;";
  assertEquals(await lastOf(first, second, "const cellAgain = 2;", "cellAsk()"), 2);
});

Deno.test("a reader's own load is theirs, in the cells after it too", async () => {
  assertEquals(await lastOf("const load = 5;", "load"), 5);
});

Deno.test("an error has the line of its own cell, though another cell's function threw it", async () => {
  await lastOf("const cellFails = () => { throw new RangeError('here') };");
  const thrown = await assertRejects(
    () => lastOf("const cellWaits = 1;\n\ncellFails();"),
    RangeError,
  );
  assertEquals(lineOf(thrown), 3);
  assertEquals(lineOf(new Error("of the library")), undefined);
});

Deno.test("a constant is one for the cells after it too", async () => {
  await assertRejects(() => lastOf("const cellFixed = 1;", "cellFixed = 2;"), TypeError);
  assertEquals(await lastOf("let cellFree = 1;", "cellFree = 2;", "cellFree"), 2);
});

Deno.test("a cell awaits at its top, and what is using ends with the cell", async () => {
  const cell = `
const cellEnds: string[] = [];
using _ = { [Symbol.dispose]: () => void cellEnds.push("gone") };
cellEnds.push(await Promise.resolve("here"));`;
  assertEquals(await lastOf(cell, "cellEnds"), ["here", "gone"]);
});

Deno.test("only an expression at the end is the value of a cell", async () => {
  assertEquals(await lastOf("1 + 1; // so it is"), 2);
  assertEquals(await lastOf("const cellNothing = 5;"), undefined);
  assertEquals(await lastOf("if (true) { 5 }"), undefined);
});

Deno.test("lines of an error are those of the cell", () => {
  const { code } = compileCell('import { a } from "x";\n\nconst b: number = 1;\nb.c.d;');
  assertEquals(code.split("\n")[3], "return (b.c.d);");
  assertThrows(() => compileCell("const = 1"), SyntaxError);
  assertThrows(() => compileCell("export default 1"), SyntaxError, "exports nothing");
});

Deno.test("a cell imports the package's entries, and no name that they have not", async () => {
  const cell = 'import { hostTensor as cellTensor, type HostTensor } from "@lowrank/core";';
  assertEquals(await lastOf(cell, "cellTensor([2], [1, 2]).shape"), [2]);
  const missing = 'import { HostTensor } from "@lowrank/core";';
  await assertRejects(() => lastOf(missing), SyntaxError, "import type");
  await assertRejects(() => lastOf('import "npm:x";'), Error, "which a page has not");
});

Deno.test("a page has every entry of the package but the program", () => {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const names = Object.keys(exports).filter((name) => name !== "./cli")
    .map((name) => name.replace(".", "@lowrank/core"));
  assertEquals(Object.keys(entries).toSorted(), names.toSorted());
});

for (const path of running) {
  Deno.test(`every cell of ${path} is a script without its types`, () => {
    const cells = codeCells(parseNotebook(sourceText(path)));
    for (const { source } of cells) compileCell(source);
    assertEquals(cells.length > 30, true);
  });
}

Deno.test("values are texts as Deno prints them", () => {
  const values = [1, -0, NaN, 2n, null, [1, [2]], new Float32Array([0.5]), new Set([1])];
  for (const value of values) {
    assertEquals(inspect(value), Deno.inspect(value), String(value));
  }
  assertEquals(inspect({ a: { b: 1 } }), Deno.inspect({ a: { b: 1 } }));
  assertEquals(
    inspect(Array.from({ length: 200 }, () => 0)).endsWith("... 100 more items ]"),
    true,
  );
});

Deno.test("a cell that needs a disk says so, and so do those that need its result", async () => {
  const disk =
    'const cellOutcome = await Promise.reject(new Error("a page in a browser has no disk"));';
  await assertRejects(() => lastOf(disk), NotInPage, "This cell needs a file system");
  await assertRejects(() => lastOf("cellOutcome.findings"), NotInPage, "above, cellOutcome, which");
  await assertRejects(() => lastOf("cellUnknown.findings"), ReferenceError);
});

/** Cells that end as listed, and the places of those that began; one ends when it is told to. */
function cellsOf(ends: readonly CellEnd[], waits = -1) {
  const begun: number[] = [], end = Promise.withResolvers<void>();
  const cells = ends.map((ended, at) => ({
    run: async () => {
      begun.push(at);
      if (at === waits) await end.promise;
      return ended;
    },
  }));
  return { all: new AllCells(cells), begun, end: end.resolve };
}

Deno.test("Stop ends the run of all cells, though the one that ran has ended by itself", async () => {
  const { all, begun, end } = cellsOf(["done", "done", "done"], 1);
  const words = all.run();
  await Promise.resolve();
  all.stop();
  end();
  assertEquals(await words, "Stopped: the cells below did not run.");
  assertEquals(begun, [0, 1]);
  assertEquals(await all.run(), "All cells have run; each result is below its cell.");
});

Deno.test("all cells run in turn, once, until one fails; those for another place are counted", async () => {
  const failing = cellsOf(["done", "failed", "done"]);
  assertEquals(await failing.all.run(), "A cell did not end; those below it did not run.");
  assertEquals(failing.begun, [0, 1]);
  const { all, begun, end } = cellsOf(["not in a page", "done", "not in a page"], 1);
  const words = all.run();
  assertEquals(await all.run(), undefined); // it runs already
  end();
  assertEquals(
    await words,
    "All cells have run, but 2 that need more than a page; each result is below its cell.",
  );
  assertEquals(begun, [0, 1, 2]);
});
