import { assert, assertEquals } from "@std/assert";
import { buildKernels, rowsProgram } from "../../scripts/build_kernels.ts";

Deno.test("kernels/cpu.wasm is what its sources compile to, without a warning", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await buildKernels(`${folder}/cpu.wasm`);
    const built = await Deno.readFile(`${folder}/cpu.wasm`);
    const committed = await Deno.readFile(new URL("../../kernels/cpu.wasm", import.meta.url));
    const same = built.length === committed.length &&
      built.every((byte, i) => byte === committed[i]);
    assert(same, "kernels/cpu.wasm is stale: run `deno task build:kernels` and commit it");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("src/blas/rows_program.ts is what rows.as.ts compiles to", async () => {
  const scratch = await Deno.makeTempFile();
  try {
    const committed = new URL("../../src/blas/rows_program.ts", import.meta.url);
    assertEquals(await rowsProgram(scratch), await Deno.readTextFile(committed));
  } finally {
    await Deno.remove(scratch);
  }
});
