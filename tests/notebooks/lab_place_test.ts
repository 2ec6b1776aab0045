/** What `deno task lab` does with its arguments, and what a folder of one's own needs. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { mapEntries } from "../../scripts/lab_imports.ts";
import { labArguments, labPlace } from "../../scripts/lab_place.ts";
import { withFolder } from "../support/folders.ts";
import { notebooksPath } from "../support/notebook_file.ts";

const withNotebook = (use: (folder: string) => void | Promise<void>) =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/my notes`);
    await Deno.writeTextFile(`${folder}/my notes/pirate 1.ipynb`, "{}");
    await use(folder);
  });

Deno.test("without a place the lab opens the tour, and options go on to JupyterLab", () => {
  assertEquals(labArguments(labPlace(["--no-browser", "--port=8889"], "/")), [
    `--ServerApp.root_dir=${notebooksPath}`,
    "--LabApp.default_url=/lab/tree/00_tour.ipynb",
    "--no-browser",
    "--port=8889",
  ]);
});

Deno.test("a folder, a notebook in it and JupyterLab's own option say where", () =>
  withNotebook((from) => {
    const root = `--ServerApp.root_dir=${from}/my notes`;
    for (const named of ["my notes", `${from}/my notes`, "--ServerApp.root_dir=my notes"]) {
      assertEquals(labArguments(labPlace(["--no-browser", named], from)), [root, "--no-browser"]);
    }
    assertEquals(labArguments(labPlace(["my notes/pirate 1.ipynb"], from)), [
      root,
      "--LabApp.default_url=/lab/tree/pirate%201.ipynb",
    ]);
    const missing = `found ${from}/nowhere, which does not exist`;
    assertThrows(() => labPlace(["nowhere"], from), RangeError, missing);
  }));

Deno.test("a folder of one's own gets a deno.json with which programs find every entry", () =>
  withFolder(async (folder) => {
    assertEquals(
      mapEntries(folder),
      `wrote ${folder}/deno.json, so that notebooks there find @lowrank/core`,
    );
    assertEquals(mapEntries(folder), undefined); // the second time all is well
    await Deno.mkdir(`${folder}/below`);
    assertEquals(mapEntries(`${folder}/below`), undefined);
    const program = `import { Random } from "@lowrank/core";
      import { tableOf } from "@lowrank/core/figures";
      console.log(typeof Random, typeof tableOf);`;
    await Deno.writeTextFile(`${folder}/below/a.ts`, program);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "a.ts"],
      cwd: `${folder}/below`,
      env: { NO_COLOR: "1" },
      stderr: "inherit",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "function function\n");
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), [
      "below",
      "deno.json", // and no lock file
    ]);
  }));

Deno.test("a deno.json that is there is not changed, and the lab says what to add", () =>
  withFolder((folder) => {
    const own = '{ "imports": { "a": "./a.ts" } }';
    Deno.writeTextFileSync(`${folder}/deno.json`, own);
    const said = mapEntries(folder)!;
    assertStringIncludes(said, `${folder}/deno.json does not map @lowrank/core`);
    assert(said.includes('"@lowrank/core/notebook": "file:///'), said);
    assertEquals(Deno.readTextFileSync(`${folder}/deno.json`), own);
    return Promise.resolve();
  }));

Deno.test("the project's own folders need nothing", () => {
  assertEquals(mapEntries(notebooksPath), undefined);
});
