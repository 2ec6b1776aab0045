/** The faults of `deno task test:faults` are edits of code that is there, in every folder. */

import { assert, assertEquals } from "@std/assert";
import { folderOf } from "../scripts/faults/fault.ts";
import { jobsNear, takeNear } from "../scripts/faults/near_jobs.ts";
import { notebookFaults } from "../scripts/faults/notebook_faults.ts";
import { plantedFaults } from "../scripts/faults/planted.ts";
import { sourceFiles, sourceText } from "../scripts/support/source_files.ts";

const all = [...plantedFaults, ...notebookFaults];

Deno.test("every fault finds the code that it breaks, once", () => {
  const places = all.map(({ what, file, right }) => [what, sourceText(file).split(right).length]);
  assertEquals(places.filter(([, parts]) => parts !== 2), []);
  assertEquals(all.filter(({ right, wrong }) => right === wrong), []);
});

Deno.test("64 faults of different names are planted in all folders", () => {
  const names = new Set(plantedFaults.map(({ what }) => what));
  assertEquals([plantedFaults.length, names.size], [64, 64]);
  const planted = new Set(plantedFaults.map(({ file }) => folderOf(file)));
  const folders = new Set(sourceFiles(["src", "kernels"]).map(folderOf));
  assertEquals(folders.difference(planted), new Set());
});

Deno.test("tests of the fault's own folder are tried first, then others, then examples", () => {
  const paths = jobsNear("src/core/errors.ts", ["core"]).map(({ path }) => path);
  const own = paths.findLastIndex((path) => path.startsWith("tests/core/")) + 1;
  assert(own > 0 && paths.slice(0, own).every((path) => path.startsWith("tests/core/")));
  assert(paths.slice(own, -1).every((path) => path.startsWith("tests/")));
  assertEquals(paths.at(-1), "src/core");
});

Deno.test("a kernel in AssemblyScript is noticed by what loads the compiled one", () => {
  const paths = jobsNear("kernels/rotary/rotary.as.ts", ["core"]).map(({ path }) => path);
  assert(paths.some((path) => path.startsWith("tests/kernels/")));
  assert(paths.some((path) => path.startsWith("tests/device/")));
});

Deno.test("jobs are taken in turn, examples apart", () => {
  const job = (path: string, seconds: number, examples = false) => ({
    ...{ path, seconds, examples, steps: 1 },
  });
  const queue = [job("a", 1), job("b", 2), job("c", 9), job("d", 1), job("src/core", 1, true)];
  const taken = [1, 2, 3, 4].map(() => takeNear(queue, 4).map(({ path }) => path));
  assertEquals(taken, [["a", "b"], ["c"], ["d"], ["src/core"]]);
});
