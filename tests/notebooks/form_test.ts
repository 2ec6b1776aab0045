/** Rules for the notebooks of the series before anyone runs them. */

import { assert, assertEquals } from "@std/assert";
import {
  type Cell,
  codeCells,
  type Notebook,
  notebookNames,
  notebooksPath,
  parseNotebook,
} from "../../scripts/support/notebook_file.ts";
import { formattedNotebook } from "../../scripts/support/notebook_format.ts";
import { normalNotebook } from "../../scripts/support/notebook_normal.ts";

const texts = Object.fromEntries(
  notebookNames().map((name) => [name, Deno.readTextFileSync(`${notebooksPath}/${name}.ipynb`)]),
);
const notebooks = Object.entries(texts).map(([name, text]): [string, Notebook] => [
  name,
  parseNotebook(text),
]);

/** Violations of a rule in all notebooks, each with its notebook's name. */
function broken(rule: (notebook: Notebook, name: string) => unknown[]): string[] {
  return notebooks.flatMap(([name, notebook]) =>
    rule(notebook, name).map((found) => `${name}: ${found}`)
  );
}

const outputsOf = (notebook: Notebook) =>
  codeCells(notebook).flatMap(({ id, outputs }) => outputs.map((output) => ({ id, output })));

Deno.test("each is nbformat 4.5, and as deno task notebooks writes it", async () => {
  const names = [];
  for (const [name, notebook] of notebooks) {
    assertEquals(notebook, normalNotebook(notebook), name);
    if (await formattedNotebook(texts[name]) !== texts[name]) names.push(name);
  }
  assertEquals(names, []);
  const id = /^[\w-]{1,64}$/;
  assertEquals(broken(({ cells }) => cells.map((cell) => cell.id).filter((x) => !id.test(x))), []);
  const twice = ({ cells }: Notebook) =>
    cells.map((cell) => cell.id).filter((each, index, all) => all.indexOf(each) < index);
  assertEquals(broken(twice), []);
});

Deno.test("each was run once, from top to bottom, without error", () => {
  const counts = (notebook: Notebook) => codeCells(notebook).map((cell) => cell.execution_count);
  assertEquals(broken((notebook) => counts(notebook).filter((n, i) => n !== i + 1)), []);
  const failed = (notebook: Notebook) =>
    outputsOf(notebook).filter(({ output }) =>
      output.output_type === "error" ||
      (output.output_type === "stream" && output.name === "stderr")
    ).map(({ id }) => id);
  assertEquals(broken(failed), []);
});

Deno.test("each is below 400 kB and contains no library and no path of a machine", () => {
  const big = (_: Notebook, name: string) =>
    texts[name].length > 400_000 ? [texts[name].length] : [];
  assertEquals(broken(big), []);
  const private_ = (_: Notebook, name: string) =>
    texts[name].match(/lowrankFigures \?\?|(?:\/home|\/root|\/tmp|\/work|\/Users)\/\w+/g) ?? [];
  assertEquals(broken(private_), []);
});

Deno.test("each output has a text, and each figure a picture that needs no script", () => {
  const blank = (notebook: Notebook) =>
    outputsOf(notebook).filter(({ output }) =>
      "data" in output && !String(output.data["text/plain"] ?? "").trim()
    ).map(({ id }) => id);
  assertEquals(broken(blank), []);
  const withoutPicture = (notebook: Notebook) =>
    outputsOf(notebook).filter(({ output }) => {
      if (!("data" in output)) return false;
      const html = String(output.data["text/html"] ?? "");
      const places = html.match(/<div data-figure=/g)?.length ?? 0;
      const pictures = html.match(/<div data-figure=[^>]*>\s*<img [^>]*src="data:image\/svg/g);
      return places !== (pictures?.length ?? 0);
    }).map(({ id }) => id);
  assertEquals(broken(withoutPicture), []);
});

Deno.test("no output counts one thing in the plural", () => {
  const ones = (notebook: Notebook) =>
    outputsOf(notebook).flatMap(({ id, output }) =>
      JSON.stringify(output).match(/(?<![\w.,])1 (?:times|values|steps|tokens|rows|points)\b/g)
        ?.map((found) => `${id}: ${found}`) ?? []
    );
  assertEquals(broken(ones), []);
});

Deno.test("what JupyterLab writes beside a folded output, its first line, is not its result", () => {
  const isFolded = ({ metadata }: Cell) =>
    (metadata.jupyter as { outputs_hidden?: boolean } | undefined)?.outputs_hidden === true;
  const told = ({ cells }: Notebook) =>
    codeCells({ cells: cells.filter(isFolded) } as Notebook).filter(({ outputs: [output] }) => {
      if (output === undefined || !("data" in output)) return false;
      const shown = output.data["text/html"] ?? output.data["image/svg+xml"];
      return !String(shown).startsWith(" \n");
    }).map(({ id }) => id);
  assertEquals(broken(told), []);
  assert(notebooks.every(([, { cells }]) => cells.some(isFolded)), "each folds something");
});

Deno.test("each begins with a question and its minutes, and ends with folded solutions", () => {
  const ends = ({ cells }: Notebook) => {
    const first = cells[0].source, last = cells.at(-1)!.source;
    return [
      ...(/^# .*[\s\S]*\bminutes?\b/.test(first) ? [] : ["the first cell names no minutes"]),
      ...(/<details>/.test(last) ? [] : ["the last cell folds no solution"]),
    ];
  };
  assertEquals(broken(ends), []);
});

Deno.test("cells are short, show one thing each, and at least three are checks", () => {
  const lines = (notebook: Notebook) =>
    codeCells(notebook).map(({ source }) => source.split("\n").length).sort((a, b) => a - b);
  assertEquals(broken((notebook) => lines(notebook).filter((count) => count > 20)), []);
  const median = (sorted: number[]) =>
    (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const long = (notebook: Notebook) => [median(lines(notebook))].filter((count) => count > 8);
  assertEquals(broken(long), []);
  const many = (notebook: Notebook) =>
    codeCells(notebook).filter(({ outputs }) => outputs.length > 1).map(({ id }) => id);
  assertEquals(broken(many), []);
  const checks = (
    notebook: Notebook,
  ) => [codeCells(notebook).filter(({ source }) => /\bawait check\(/.test(source)).length];
  assertEquals(broken((notebook) => checks(notebook).filter((count) => count < 3)), []);
});

Deno.test("each asks for predictions, has a live slider, and shows the message of a mistake on purpose", () => {
  const faults = ({ cells }: Notebook) => {
    const texts = cells.filter((cell) => cell.cell_type === "markdown");
    const counted = (pattern: RegExp) =>
      codeCells({ cells } as Notebook).filter(({ source }) => pattern.test(source)).length;
    const kept = counted(/\bawait predict\(/), revealed = counted(/\.reveal\(/);
    const said = texts.filter(({ source }) => /\*\*Predict/.test(source)).length;
    const shown = codeCells({ cells } as Notebook).filter(({ source, outputs }) =>
      /\b(catch )?\(error\)/.test(source) && outputs.length === 1
    );
    return [
      ...(kept + said >= 3 ? [] : [`${kept + said} predictions`]),
      ...(kept >= 2 ? [] : [`${kept} predictions that the page keeps`]),
      ...(kept === revealed ? [] : [`${kept} kept predictions, ${revealed} revealed`]),
      ...(counted(/\bawait slider\(/) > 0 ? [] : ["no slider that asks the kernel"]),
      ...(shown.length > 0 ? [] : ["no mistake on purpose"]),
    ];
  };
  assertEquals(broken(faults), []);
});

Deno.test("no answer is on the screen of its question: its cells and its reason are folded", () => {
  const isFolded = ({ metadata }: Cell) =>
    (metadata.jupyter as { source_hidden?: boolean } | undefined)?.source_hidden === true;
  const open = ({ cells }: Notebook) =>
    cells.filter((cell) =>
      cell.cell_type === "code" &&
      /\bawait (predict|check)\(|\.reveal\(/.test(cell.source) &&
      !isFolded(cell)
    ).map(({ id }) => id);
  assertEquals(broken(open), []);
  // What follows a result begins with its reason, folded, with a heading, or with what to do next.
  const next =
    /^(<details>|#|\*\*Predict|- |Now |Move |The (bars|rules|cloud|library|slider)|Each |Here |First|Find out|So we|Every |Why that|Compare )/;
  const told = ({ cells }: Notebook) =>
    cells.flatMap(({ cell_type, source }, i) => {
      const isResult = cell_type === "code" && /\.reveal\(/.test(source);
      const after = cells.slice(i + 1).find((cell) => cell.cell_type === "markdown");
      return isResult && after && !next.test(after.source) ? [after.id] : [];
    });
  assertEquals(broken(told), []);
});

Deno.test("beside each slider that asks the kernel is said that it does not work on a hub or Colab", () => {
  const asks = ({ cell_type, source }: Cell) =>
    cell_type === "code" && /\bawait slider\(/.test(source);
  const isText = ({ cell_type }: Cell) => cell_type === "markdown";
  const says = ({ source }: Cell, words: RegExp[]) =>
    source.split("\n\n").some((paragraph) => words.every((word) => word.test(paragraph)));
  const where = [/\basks? the kernel\b/, /\bhub\b/, /\bColab\b/];
  const silent = ({ cells }: Notebook) =>
    cells.filter(asks).filter((slider) => {
      const at = cells.indexOf(slider), before = cells.slice(0, at).findLast(isText);
      const beside = [before, cells[at + 1]].filter((cell) => cell && isText(cell));
      return !beside.some((cell) => says(cell!, where));
    }).map(({ id }) => id);
  assertEquals(broken(silent), []);
  const whole = [...where, /\bon\s+one\s+machine\b/];
  const unexplained = ({ cells }: Notebook) =>
    cells.some(asks) && !cells.some((cell) => isText(cell) && says(cell, whole)) ? ["no why"] : [];
  assertEquals(broken(unexplained), []);
  assert(notebooks.some(([, { cells }]) => cells.some(asks)), "no notebook has such a slider");
});
