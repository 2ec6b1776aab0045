/**
 * Breaks a copy of the package, one fault at a time, runs the notebooks on it, and says which checks turn
 * red: `deno task test:faults [NAME…]`, a name being how a notebook's begins. Exits with 1 where a check stays
 * green under every fault.
 *
 * @module
 */

import { Kernel } from "../tests/support/kernel_client.ts";
import {
  codeCells,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../tests/support/notebook_file.ts";
import { rootPath } from "../tests/support/source_files.ts";
import { type Fault, faults } from "./faults.ts";

const cellMs = 300_000;

/** What notebooks read; models are not changed, and so not copied. */
const copied = ["src", "kernels", "experiments", "notebooks", "mod.ts", "deno.json", "deno.lock"];

/** A copy of the package in a folder of its own. */
class PackageCopy implements AsyncDisposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "lowrank_faults_" });

  /** Copies what notebooks read. */
  async fill(): Promise<this> {
    const from = copied.map((name) => `${rootPath}${name}`);
    const { success } = await new Deno.Command("cp", { args: ["-r", ...from, this.folder] })
      .output();
    if (!success) throw new Error(`cannot copy the package to ${this.folder}`);
    await Deno.symlink(`${rootPath}models`, `${this.folder}/models`);
    return this;
  }

  /** Puts a fault in, and takes it out again at the end. */
  async break({ file, right, wrong }: Fault): Promise<AsyncDisposable> {
    const path = `${this.folder}/${file}`, text = await Deno.readTextFile(path);
    if (text.split(right).length !== 2) {
      throw new Error(`${file} must have this once: ${right}`);
    }
    await Deno.writeTextFile(path, text.replace(right, () => wrong));
    return {
      [Symbol.asyncDispose]: async () => {
        await Deno.writeTextFile(path, text);
        await this.#forgetRuns();
      },
    };
  }

  /** What was trained with a fault must not be read with the next one. */
  async #forgetRuns(): Promise<void> {
    const results = `${this.folder}/results`;
    await Deno.mkdir(results, { recursive: true });
    await Deno.remove(results, { recursive: true });
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
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

async function breakChecks(names: readonly string[]): Promise<string[]> {
  await using copy = await new PackageCopy().fill();
  const green = new Set(await checksOf(names));
  for (const fault of faults) {
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

if (import.meta.main) {
  const chosen = notebookNames().filter((name) =>
    Deno.args.length === 0 || Deno.args.some((begin) => name.startsWith(begin))
  );
  const green = await breakChecks(chosen);
  console.log(green.length === 0 ? "every check can fail" : `always green: ${green.join(", ")}`);
  Deno.exit(green.length === 0 ? 0 : 1);
}
