/** The types of notebooks' cells. */

import { assertEquals, assertMatch } from "@std/assert";
import { makeNotebook } from "../support/make_notebook.ts";
import {
  type Notebook,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../../scripts/support/notebook_file.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { typeErrors } from "../support/notebook_types.ts";

const again = makeNotebook(
  'import { symbols } from "@lowrank/core/accounting";\nconst a = Object.keys(symbols);',
  "const b = a.length;\nfunction f(x: number) {\n  return x;\n}",
  'import { formulas, symbols } from "@lowrank/core/accounting";\nconst a = f(b);',
  "const c: number = a + (await Promise.resolve(1));\nvoid [c, formulas, symbols];",
);

Deno.test("the cells of every notebook have the right types, also where a later one declares a name again", async () => {
  const notebooks: Record<string, Notebook> = { again };
  for (const folder of [notebooksPath, `${rootPath}tests/notebooks/fixtures`]) {
    for (const name of notebookNames(folder)) {
      notebooks[name] = await readNotebook(`${folder}/${name}.ipynb`);
    }
  }
  assertEquals(await typeErrors(notebooks), "");
});

Deno.test("a wrong type, a missing export and a syntax error are named with cell and line", async () => {
  const wrong = makeNotebook('const a = "text";', "\nconst b: number = a;");
  const missing = makeNotebook('import {\n  nothing,\n} from "@lowrank/core/tokenizer";');
  const unclosed = makeNotebook("const a = (1;");
  const errors = await typeErrors({ wrong, missing });
  assertMatch(errors, /'string' is not assignable.*wrong, cell c1, line 2/s);
  assertMatch(errors, /no exported member.*missing, cell c0, imports/s);
  assertMatch(await typeErrors({ unclosed }), /unclosed, cell c0, line 1/);
});
