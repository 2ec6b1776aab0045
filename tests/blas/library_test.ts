/** The search for a BLAS, in programs of their own: a process has its variables and permissions. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { root } from "../../scripts/support/source_files.ts";

const program = `
import { openBlas } from "${root.href}src/blas/mod.ts";
try {
  using blas = openBlas();
  console.log(blas?.name ?? "none");
} catch (error) {
  console.log(error.name + ": " + error.message);
}
`;

/** Output of the program; a prompt would be an error, since nobody is there to answer. */
async function found(LOWRANK_BLAS: string, ...flags: string[]): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, program);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", ...flags, file],
      env: { NO_COLOR: "1", LOWRANK_BLAS },
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(file);
  }
}

const ffi = ["--no-prompt", "--allow-ffi", "--allow-env=LOWRANK_BLAS"];

Deno.test("blas: off is none, and so is a program without --allow-ffi", async () => {
  assertEquals(await found("off", ...ffi), "none");
  assertEquals(await found("", "--allow-env"), "none");
  assertEquals(await found("/nowhere/libblas.so", "--allow-env"), "none");
  const partly = "--allow-ffi=libopenblas.so.0";
  assertEquals(await found("libopenblas.so.0", "--allow-env", partly), "none");
});

Deno.test("blas: a path that cannot be opened is refused with its name", async () => {
  const refused = await found("/nowhere/libblas.so", ...ffi);
  assertMatch(refused, /^DeviceError: LOWRANK_BLAS must be off, auto or the path of a BLAS/);
  assertStringIncludes(refused, "found /nowhere/libblas.so: ");
  assertEquals(refused.includes("Could not open library"), false);
});

Deno.test("blas: a link is opened by the path that it leads to, where that may be read", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const [file, link] = ["mkl", "link"].map((name) => `${folder}/${name}`);
  await Deno.writeTextFile(file, "no library");
  await Deno.symlink(file, link);
  assertStringIncludes(await found(link, ...ffi, "--allow-read"), `found ${link}: ${file}`);
  assertStringIncludes(await found(link, ...ffi), `found ${link}: ${link}`);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("blas: nothing and auto search", async () => {
  assertEquals(await found("", ...ffi), await found("auto", ...ffi));
});
