/** Arguments of `deno task lab`, and the files that it puts into a user's own folder. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { relative } from "node:path";
import { copyBlank, copySeries } from "../../scripts/lab_blank.ts";
import { linkClone } from "../../scripts/lab_link.ts";
import { labArguments, labPlace } from "../../scripts/lab_place.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import {
  codeCells,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../../scripts/support/notebook_file.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const names = notebookNames().map((name) => `${name}.ipynb`);

const withNotebook = (use: (folder: string) => void | Promise<void>) =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/my notes`);
    await Deno.writeTextFile(`${folder}/my notes/pirate 1.ipynb`, "{}");
    await use(folder);
  });

Deno.test("without a place the lab opens the tour among copies that git ignores, and options go on to JupyterLab", () => {
  assertEquals(labArguments(labPlace(["--no-browser", "--port=8889"], "/")), [
    `--ServerApp.root_dir=${rootPath}lab`,
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

Deno.test("whole copies have the clone's bytes, and those that were run stay as they are", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/lab`;
    const wrote = (count: string) =>
      `wrote ${count} to ${folder}; the clone's own stay as they are`;
    assertEquals(await copySeries(folder), wrote(`${names.length} notebooks`));
    assertEquals(filesIn(folder), names);
    for (const name of names) {
      const texts = [notebooksPath, folder].map((place) =>
        Deno.readTextFileSync(`${place}/${name}`)
      );
      assertEquals(texts[0] === texts[1], true, name);
    }
    await Deno.writeTextFile(`${folder}/${names[0]}`, "my run");
    await Deno.remove(`${folder}/${names[1]}`);
    assertEquals(await copySeries(folder), wrote("1 notebook"));
    assertEquals(await Deno.readTextFile(`${folder}/${names[0]}`), "my run");
    const again = `the notebooks in ${folder} are as you left them; delete one to get it anew`;
    assertEquals(await copySeries(folder), again);
  }));

Deno.test("git ignores the copies", async () => {
  const args = ["check-ignore", "lab/00_tour.ipynb"];
  const { stdout } = await new Deno.Command("git", { args, cwd: rootPath }).output();
  assertEquals(new TextDecoder().decode(stdout), "lab/00_tour.ipynb\n");
});

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
  const place = { folder: "/from/class", notebook: "00_tour.ipynb", copies: "blank" } as const;
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
