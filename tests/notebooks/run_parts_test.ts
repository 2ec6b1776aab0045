/** The series run by nbclient, with the kernel that a reader has. */

import { assert, assertEquals } from "@std/assert";
import { blankNotebook } from "../../scripts/lab_blank.ts";
import { labInstalled, labScript } from "../../scripts/lab_environment.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { differences } from "../support/notebook_compare.ts";
import { NotebookCopies } from "../support/notebook_copies.ts";
import {
  codeCells,
  type Notebook,
  notebookNames,
  notebooksPath,
  readNotebook,
  writeNotebook,
} from "../../scripts/support/notebook_file.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** Cells from one to another, both of them too. */
type Cells = readonly [from: string, to: string];

/** Runs of over ten CPU seconds that few cells need, and those cells: lab_nightly_test.ts runs all. */
const leftToTheNight: Readonly<Record<string, readonly Cells[]>> = {
  "04_train": [["dates-base", "dates-base"], ["dates-fit", "dates-check"], ["fit-full", "answers"]],
  "08_your_adapter": [["live-setup", "live-code"]],
  "09_against_what": [["fit-all", "losses"]],
  "10_qlora": [["study", "merge-slider"]],
  "11_many_adapters": [["tune", "extract-figure"]],
  "12_since_2021": [["c08", "c10"], ["c16", "c48"], ["c54", "c57"]],
  "13_what_is_still_asked": [["d08", "d12"]],
};

const names = notebookNames()
  .filter((name) => Deno.args.length === 0 || Deno.args.includes(name));

/** The notebook without the cells that are left to the night. */
async function readDay(name: string): Promise<Notebook> {
  const notebook = await readNotebook(`${notebooksPath}/${name}.ipynb`);
  const at = (id: string) => {
    const place = notebook.cells.findIndex((cell) => cell.id === id);
    assert(place >= 0, `${name} has no cell ${id}`);
    return place;
  };
  const left = (leftToTheNight[name] ?? []).map(([from, to]) => [at(from), at(to)]);
  const isLeft = (place: number) => left.some(([from, to]) => from <= place && place <= to);
  return { ...notebook, cells: notebook.cells.filter((_, place) => !isLeft(place)) };
}

/** Runs some notebooks of a folder; a cell that fails shows its error, and the others run. */
async function execute(folder: string, names: readonly string[]): Promise<void> {
  await withFolder(async (home) => {
    const { success, stderr } = await new Deno.Command(labScript("python"), {
      args: [`${rootPath}tests/notebooks/execute.py`, ...names.map((name) => `${name}.ipynb`)],
      cwd: folder,
      env: { JUPYTER_CONFIG_DIR: home, JUPYTER_RUNTIME_DIR: home, IPYTHONDIR: home },
      stdout: "null",
      stderr: "piped",
    }).output();
    assert(success, new TextDecoder().decode(stderr).slice(-2000));
  });
}

/** Runs some notebooks without their outputs; gives what differs from the committed ones, by name. */
async function differencesOf(names: readonly string[]): Promise<Map<string, string[]>> {
  await using copies = new NotebookCopies();
  for (const name of names) {
    await writeNotebook(copies.path(name), blankNotebook(await readDay(name), ".."));
  }
  await execute(copies.folder, names);
  const found = await Promise.all(names.map(async (name) => {
    const [committed, run] = [await readDay(name), await readNotebook(copies.path(name))];
    assert(codeCells(committed).length > 0);
    return [name, differences(committed, run)] as const;
  }));
  return new Map(found);
}

/** nbclient drops an output that reaches it after its cell's end, as on a full machine; what a kernel never sends is missing twice. */
const isDropped = (difference: string): boolean => difference.endsWith(", now nothing");

Deno.test({
  name: "nbclient shows what is committed",
  ignore: !labInstalled(),
  fn: async (test) => {
    const found = await differencesOf(names);
    const isOnlyDropped = (name: string) =>
      found.get(name)!.length > 0 && found.get(name)!.every(isDropped);
    const again = names.filter(isOnlyDropped);
    const second = again.length > 0 ? await differencesOf(again) : found;
    for (const name of names) {
      await test.step(name, () => {
        const own = (again.includes(name) ? second : found).get(name);
        assertEquals(own, [], "where this is meant: deno task notebooks");
      });
    }
  },
});
