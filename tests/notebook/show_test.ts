/** Showing in a real kernel. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bundleOf, Cells } from "./cells.ts";

Deno.test("values are shown below their own cell, even those that the kernel hides", async (t) => {
  await using cells = await Cells.start();

  await t.step("numbers, nothing, text", async () => {
    const values = ["NaN", "-Infinity", "-0", "12345678901234567890n", "null", "undefined", "0.5"];
    for (const value of values) assertEquals(await cells.text(`await show(${value});`), value);
    assertEquals(await cells.text(`await show("two\\nlines");`), "two\nlines");
  });

  await t.step(
    "the first line, which JupyterLab writes beside a fold, is not the result",
    async () => {
      for (const value of ['"right: 98%"', "[1, 2]", "[{ id: 1 }]"]) {
        const html = String((await cells.bundle(`await show(${value});`))["text/html"]);
        assertMatch(html, /^<!-- Folded: [^\n]* -->\n./);
      }
    },
  );

  await t.step("thirty cells that show something each have it", async () => {
    for (let i = 0; i < 30; i++) assertEquals(await cells.text(`await show(${i});`), `${i}`);
  });

  await t.step("a formula comes as TeX and as a picture", async () => {
    const bundle = await cells.bundle(`await show(tex("\\\\Delta W = s B A"));`);
    assertEquals(bundle["text/latex"], "$$\\Delta W = s B A$$");
    assertMatch(String(bundle["image/svg+xml"]), /^<!-- Folded[^\n]*\n<svg /);
  });

  await t.step("a list is one bundle, in order", async () => {
    const code = `await show(["first", tex("r"), new Float32Array(2)]);`;
    const bundle = await cells.bundle(code);
    assertEquals(bundle["text/plain"], "first\n\nr\n\nFloat32Array [2]\n0  0");
    assertMatch(String(bundle["text/html"]), /first[^]*alt="r"[^]*Float32Array/);
  });

  await t.step("a model that ends a cell shows as a table, once", async () => {
    const code = `import { loadModel, openDevice } from "@lowrank/core";
const model = await loadModel(await openDevice({ kind: "cpu" }), "../../models/tiny-gpt2");
model`;
    const { outputs: [shown, ...rest] } = await cells.run(code), bundle = bundleOf(shown);
    // The kernel shows what the object returned to it: nothing.
    assertEquals(rest.map(bundleOf), [{}]);
    assertMatch(String(bundle["text/html"]), /<table/);
    assertMatch(String(bundle["text/plain"]), /^GPT-2 of 2 blocks[^]*\nall .* 1,858,560/);
    assertEquals(await cells.bundle("await show(model);"), bundle);
  });
});

Deno.test("setup shows version and device on one line, and can be called twice", async () => {
  await using cells = await Cells.start();
  const bundle = await cells.bundle("await setup();");
  assertMatch(String(bundle["text/plain"]), /^Lowrank \d+\.\d+\.\d+, Deno [\d.]+; \w+[^\n/\\]*$/);
  assertStringIncludes(String(bundle["text/html"]), String(bundle["text/plain"]));
});

Deno.test("a check is a line if it holds and an error if it does not", async () => {
  await using cells = await Cells.start();
  const text = await cells.text(`await check("1 < 2 & more", 1 < 2, "1 and 2");`);
  assertEquals(text, "✓ 1 < 2 & more: 1 and 2");
  const { status, outputs } = await cells.run(`await check("2 < 1", 2 < 1, "2 and 1");`);
  assertEquals(status, "error");
  assert(outputs.length === 1 && outputs[0].output_type === "error");
  assertEquals(outputs[0].evalue, "check failed: 2 < 1; found 2 and 1");
});

Deno.test("a device failure that no read throws is shown; one that is thrown is not shown twice", async () => {
  await using cells = await Cells.start();
  const announce = `import { announceFailure } from "../../src/device/failures.ts";
const failure = announceFailure("webgpu failed in a test");
await new Promise((resolve) => setTimeout(resolve, 700));`;
  const { outputs } = await cells.run(`${announce} undefined`);
  assertEquals(outputs, [{
    output_type: "stream",
    name: "stderr",
    text: "webgpu failed in a test\n",
  }]);
  const thrown = announce.replace('");', '");\nfailure.thrown = true;').replace("failure,", "");
  assertEquals((await cells.run(`${thrown} undefined`)).outputs, []);
});
