/**
 * The process in which inputs are tried: whatever one of them does to it, the one that watches it lives
 * on. Its arguments are the file for the input at hand, the number of inputs, the seed, and the kinds.
 *
 * @module
 */

import { fuzz } from "./campaign.ts";
import { filesToJson } from "./kind.ts";
import { kinds } from "./kinds.ts";

const [note, runs, seed, ...names] = Deno.args;

for (const kind of kinds.filter(({ name }) => names.includes(name))) {
  const report = await fuzz(kind, {
    runs: Number(runs),
    seed: Number(seed),
    onInput: (files) =>
      Deno.writeTextFileSync(note, JSON.stringify({ kind: kind.name, files: filesToJson(files) })),
  });
  const find = report.find && { ...report.find, files: filesToJson(report.find.files) };
  console.log(JSON.stringify({ ...report, find }));
}
