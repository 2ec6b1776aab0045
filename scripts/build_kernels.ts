/**
 * Builds `kernels/cpu.wasm` and `src/blas/rows_program.ts` from AssemblyScript: `deno task build:kernels`.
 *
 * The same sources give the same bytes everywhere; `tests/kernels/wasm_build_test.ts` holds us to it.
 */

import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

const compiler = "npm:assemblyscript@0.28.20/asc";

const common = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--enable", "simd"];

const shared = [
  ...["--sharedMemory", "--initialMemory", "16", "--maximumMemory", "65536"],
  ...["--enable", "relaxed-simd", "--enable", "threads"],
];

/**
 * Compiles the CPU's kernels to a file.
 *
 * @throws {Error} with the compiler's own words when it fails or warns.
 */
export async function buildKernels(output: string): Promise<void> {
  await compile("kernels/cpu.as.ts", output, shared);
}

/**
 * The text of `src/blas/rows_program.ts`, from the loops that it compiles to a file.
 *
 * @throws {Error} As {@link buildKernels}.
 */
export async function rowsProgram(output: string): Promise<string> {
  await compile("src/blas/rows.as.ts", output, ["--initialMemory", "1"]);
  const text = (await Deno.readFile(output)).toBase64();
  return "/** `rows.as.ts`, compiled by `deno task build:kernels`. @module */\n\n" +
    `/** WebAssembly in base64. */\nexport const rowsProgram =\n  "${text}";\n`;
}

async function compile(source: string, output: string, options: readonly string[]): Promise<void> {
  const args = ["run", "-A", compiler, source, "-o", output, ...common, ...options];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: root });
  const { success, stdout, stderr } = await command.output();
  const words = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success || /\bWARNING\b/.test(words)) throw new Error(`building ${source}:\n${words}`);
}

if (import.meta.main) {
  await buildKernels("kernels/cpu.wasm");
  const scratch = await Deno.makeTempFile();
  await Deno.writeTextFile(`${root}src/blas/rows_program.ts`, await rowsProgram(scratch));
  await Deno.remove(scratch);
}
