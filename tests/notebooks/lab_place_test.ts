/** What `deno task lab` does with its arguments, and what a folder of one's own needs. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { relative } from "node:path";
import { linkClone } from "../../scripts/lab_link.ts";
import { labArguments, labPlace } from "../../scripts/lab_place.ts";
import { withFolder } from "../support/folders.ts";
import { notebooksPath } from "../support/notebook_file.ts";
import { rootPath } from "../support/source_files.ts";

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
      linkClone(folder),
      `wrote ${folder}/deno.json, so that notebooks there find @lowrank/core`,
    );
    assertEquals(linkClone(folder), undefined); // the second time all is well
    await Deno.mkdir(`${folder}/below`);
    assertEquals(linkClone(`${folder}/below`), undefined);
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
    const said = linkClone(folder)!;
    assertStringIncludes(said, `${folder}/deno.json does not say where @lowrank/core is`);
    assertEquals(JSON.parse(said.slice(said.indexOf("{"))).links, [rootPath]);
    assertEquals(Deno.readTextFileSync(`${folder}/deno.json`), own);
    return Promise.resolve();
  }));

Deno.test("a deno.json that links the clone, or names its first entry, needs nothing", () =>
  withFolder((folder) => {
    const way = relative(folder, rootPath);
    for (
      const own of [
        `{ "links": ["${way}"] } // in some words`,
        `{ "links": ["${way}/"] }`,
        `{ "imports": { "@lowrank/core": "${way}/mod.ts" } }`,
      ]
    ) {
      Deno.writeTextFileSync(`${folder}/deno.json`, own);
      assertEquals(linkClone(folder), undefined, own);
    }
    Deno.writeTextFileSync(`${folder}/deno.json`, `{ "links": ["${way}/elsewhere"] }`);
    assertStringIncludes(linkClone(folder)!, "does not say where");
    return Promise.resolve();
  }));

Deno.test("the project's own folders need nothing", () => {
  assertEquals(linkClone(notebooksPath), undefined);
});
