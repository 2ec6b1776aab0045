/**
 * The process in which inputs are tried: whatever one of them does to it, the one that watches it lives
 * on. Its arguments are the file for the input at hand, the kind, the number of inputs, and the seed.
 *
 * @module
 */

import { fuzz } from "./campaign.ts";
import { filesToJson } from "./kind.ts";
import { kinds } from "./kinds.ts";

const [note, name, runs, seed] = Deno.args;
const kind = kinds.find((kind) => kind.name === name)!;
const report = await fuzz(
  kind,
  { runs: Number(runs), seed: Number(seed) },
  (files) => Deno.writeTextFileSync(note, JSON.stringify(filesToJson(files))),
);
const find = report.find && { ...report.find, files: filesToJson(report.find.files) };
console.log(JSON.stringify({ ...report, find }));
