/**
 * Builds `kernels/cpu.wasm` from the AssemblyScript kernels: `deno task build:kernels [output]`.
 *
 * The same sources give the same bytes everywhere; `tests/kernels/wasm_build_test.ts` holds us to it.
 */

import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

const compiler = "npm:assemblyscript@0.28.20/asc";

const options = [
  ...["-O3", "--noAssert", "--runtime", "stub"],
  ...["--importMemory", "--sharedMemory", "--initialMemory", "16", "--maximumMemory", "65536"],
  ...["--enable", "simd", "--enable", "relaxed-simd", "--enable", "threads"],
];

/**
 * Compiles to a file.
 *
 * @throws {Error} with the compiler's own words when it fails or warns.
 */
export async function buildKernels(output: string): Promise<void> {
  const args = ["run", "-A", compiler, "kernels/cpu.as.ts", "-o", output, ...options];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: root });
  const { success, stdout, stderr } = await command.output();
  const words = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success || /\bWARNING\b/.test(words)) throw new Error(`building the kernels:\n${words}`);
}

if (import.meta.main) await buildKernels(Deno.args[0] ?? "kernels/cpu.wasm");
