/** Every notebook of the series in a real JupyterLab, in a real browser. */

import { basename } from "node:path";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { notebookNames, notebooksPath, readNotebook } from "../../scripts/support/notebook_file.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import {
  checkExport,
  checkRun,
  checkUntrusted,
  inLab,
  type LabCheck,
  takePictures,
} from "./lab_checks.ts";

const paths = notebookNames()
  .filter((name) => Deno.args.length === 0 || Deno.args.includes(name))
  .map((name) => `${notebooksPath}/${name}.ipynb`);

const checks: readonly (readonly [what: string, check: LabCheck])[] = [
  ["untrusted, its figures are still", checkUntrusted],
  ["all cells run and show what is committed, figures and sliders live", checkRun],
  ["as a page without a network, its figures are live", checkExport],
  ["its pictures are in results/notebooks", takePictures],
];

Deno.test({
  name: "every notebook in JupyterLab",
  ignore: !labInstalled() || browserPath() === undefined,
  sanitizeOps: false, // a server and a browser are at work all the time
  sanitizeResources: false,
  fn: (test) =>
    inLab(async (copies) => {
      for (const path of paths) await copies.add(path);
    }, async (place) => {
      for (const path of paths) {
        const name = basename(path, ".ipynb"), committed = await readNotebook(path);
        for (const [what, check] of checks) {
          if (!await test.step(`${name}: ${what}`, () => check(place, name, committed))) break;
        }
        await place.server.endKernels(); // so that they need no memory
      }
    }),
});
