/** Notebooks on a broken copy: every check in them must be able to fail. @module */

import { Kernel } from "../support/kernel_client.ts";
import { codeCells, notebookNames, notebooksPath, readNotebook } from "../support/notebook_file.ts";
import { notebookFaults } from "./notebook_faults.ts";
import { PackageCopy } from "./package_copy.ts";

const cellMs = 300_000;

/** Runs notebooks whose names begin so, or all; says what turns red, and whether every check does so once. */
export async function breakChecks(begins: readonly string[]): Promise<boolean> {
  const names = notebookNames().filter((name) =>
    begins.length === 0 || begins.some((begin) => name.startsWith(begin))
  );
  const green = await greenChecks(names);
  console.log(green.length === 0 ? "every check can fail" : `always green: ${green.join(", ")}`);
  return green.length === 0;
}

/** The checks that stay green under every fault. */
async function greenChecks(names: readonly string[]): Promise<string[]> {
  await using copy = await PackageCopy.make();
  const green = new Set(await checksOf(names));
  for (const fault of notebookFaults) {
    const asked = names.filter((name) => fault.notebooks.some((begin) => name.startsWith(begin)));
    if (asked.length === 0) continue;
    await using _fault = await copy.break(fault);
    const red: string[] = [];
    for (const name of asked) red.push(...await redChecks(copy.folder, name));
    for (const check of red) green.delete(check);
    console.log(`${fault.what}: ${red.join(", ") || "nothing is red"}`);
  }
  return [...green];
}

/** The cells of a notebook whose check does not hold; other errors are not a check's work. */
async function redChecks(folder: string, name: string): Promise<string[]> {
  const notebook = await readNotebook(`${folder}/notebooks/${name}.ipynb`), red: string[] = [];
  await using kernel = await Kernel.start({ cwd: `${folder}/notebooks` });
  for (const { id, source } of codeCells(notebook)) {
    const { outputs } = await kernel.execute(source, cellMs);
    const failed = outputs.some((output) =>
      output.output_type === "error" && output.evalue.startsWith("check failed:")
    );
    if (failed) red.push(`${name} ${id}`);
  }
  return red;
}

/** All check cells of some notebooks. */
async function checksOf(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(async (name) => {
    const notebook = await readNotebook(`${notebooksPath}/${name}.ipynb`);
    const cells = codeCells(notebook).filter(({ source }) => /\bawait check\(/.test(source));
    return cells.map(({ id }) => `${name} ${id}`);
  }));
  return found.flat();
}
