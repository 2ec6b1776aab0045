/** `deno task lab --blank`: the series without outputs, and nothing of a student's is overwritten. */

import { assertEquals, assertThrows } from "@std/assert";
import { copyBlank } from "../../scripts/lab_blank.ts";
import { labPlace } from "../../scripts/lab_place.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { codeCells, notebookNames, notebooksPath, readNotebook } from "../support/notebook_file.ts";

const names = notebookNames().map((name) => `${name}.ipynb`);

Deno.test("the copies have every cell, no output, and the way to the clone's files", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/mine/class 1`;
    assertEquals(
      await copyBlank(folder),
      `wrote ${names.length} notebooks without outputs to ${folder}`,
    );
    assertEquals(filesIn(folder), names);
    let paths = 0;
    for (const name of names) {
      const ours = await readNotebook(`${notebooksPath}/${name}`);
      const blank = await readNotebook(`${folder}/${name}`);
      assertEquals(blank.cells.map(({ id }) => id), ours.cells.map(({ id }) => id), name);
      for (const { outputs, execution_count, metadata } of codeCells(blank)) {
        assertEquals([outputs, execution_count], [[], null]);
        assertEquals(JSON.stringify(metadata).includes("outputs_hidden"), false);
      }
      const text = blank.cells.map(({ source }) => source).join("\n");
      for (const [path] of text.matchAll(/\.\.[\w./-]*\/(?:models|docs)\/[\w./-]*\//g)) {
        paths++;
        await Deno.stat(`${folder}/${path}`); // throws if there is none
      }
      const hidden = (notebook: typeof ours) =>
        codeCells(notebook).filter(({ metadata }) =>
          JSON.stringify(metadata).includes("source_hid")
        )
          .length;
      assertEquals(hidden(blank), hidden(ours), name);
    }
    assertEquals(paths > 5, true, `${paths}`);
  }));

Deno.test("a notebook that is there stays as it is and is named", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/03_memory.ipynb`, "my work");
    const wrote = `wrote ${names.length - 1} notebooks without outputs to ${folder}`;
    assertEquals(await copyBlank(folder), `${wrote}; kept as they are: 03_memory.ipynb`);
    assertEquals(await Deno.readTextFile(`${folder}/03_memory.ipynb`), "my work");
    const before = await Deno.readTextFile(`${folder}/01_one_low_rank_matrix.ipynb`);
    const none = `wrote 0 notebooks without outputs to ${folder}; kept as they are: `;
    assertEquals(await copyBlank(folder), none + names.join(", "));
    assertEquals(await Deno.readTextFile(`${folder}/01_one_low_rank_matrix.ipynb`), before);
  }));

Deno.test("--blank needs a folder, which need not exist, and does not go to JupyterLab", () => {
  const place = { folder: "/from/class", notebook: "00_tour.ipynb", isBlank: true };
  for (const args of [["--blank", "class"], ["class", "--blank"]]) {
    assertEquals(labPlace([...args, "--no-browser"], "/from"), {
      ...place,
      options: ["--no-browser"],
    });
  }
  const needs = "--blank needs a folder for notebooks without outputs, found ";
  assertThrows(() => labPlace(["--blank"], "/from"), RangeError, `${needs}none`);
  assertThrows(() => labPlace(["--blank", "a.ipynb"], "/from"), RangeError, `${needs}a.ipynb`);
});
