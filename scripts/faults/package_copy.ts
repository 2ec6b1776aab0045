/** A copy of the package, which may be broken. @module */

import { existsSync } from "node:fs";
import { rootPath } from "../support/source_files.ts";
import type { Fault } from "./fault.ts";

/** Folders that no test changes, and that are not copied. */
const linked = ["models", ".venv"];

/** Folders that are no part of the package. */
const left = [".git", "node_modules", "results", "out"];

/** Files that `deno task build:kernels` makes of AssemblyScript. */
const built = ["kernels/cpu.wasm", "src/blas/rows_program.ts"];

/** A copy of the package in a folder of its own. */
export class PackageCopy implements AsyncDisposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "lowrank_faults_" });

  /** Copies the package. */
  static async make(): Promise<PackageCopy> {
    const copy = new PackageCopy(), names = [...Deno.readDirSync(rootPath)].map(({ name }) => name);
    const own = names.filter((name) => ![...linked, ...left].includes(name));
    await run("cp", "-r", ...own.map((name) => rootPath + name), copy.folder);
    for (const name of linked) {
      if (existsSync(rootPath + name)) {
        await Deno.symlink(rootPath + name, `${copy.folder}/${name}`);
      }
    }
    return copy;
  }

  /**
   * Puts a fault in, and takes it out again at the end.
   *
   * @throws {Error} when the code that it breaks is not there once.
   */
  async break({ file, right, wrong }: Fault): Promise<AsyncDisposable> {
    const isCompiled = file.endsWith(".as.ts"), paths = [file, ...isCompiled ? built : []];
    const before = await Promise.all(paths.map((path) => Deno.readFile(this.#pathOf(path))));
    const text = await Deno.readTextFile(this.#pathOf(file));
    if (text.split(right).length !== 2) throw new Error(`${file} must have this once: ${right}`);
    await Deno.writeTextFile(this.#pathOf(file), text.replace(right, () => wrong));
    if (isCompiled) {
      await run(Deno.execPath(), "run", "-A", this.#pathOf("scripts/build_kernels.ts"));
    }
    return {
      [Symbol.asyncDispose]: async () => {
        for (const [i, path] of paths.entries()) {
          await Deno.writeFile(this.#pathOf(path), before[i]);
        }
        await this.#forgetRuns();
      },
    };
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  /** Runs that were trained with a fault must not be read with the next one. */
  async #forgetRuns(): Promise<void> {
    const results = this.#pathOf("results");
    if (existsSync(results)) await Deno.remove(results, { recursive: true });
  }

  #pathOf(path: string): string {
    return `${this.folder}/${path}`;
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const cwd = rootPath;
  const { success, stderr } = await new Deno.Command(program, { args, cwd }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
