/** The CPU device in programs of its own: that they end, and what leave they need. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { root } from "../../scripts/support/source_files.ts";

/** A program that fills 100,000 elements on two threads and never disposes of its device. */
const program = (end = ""): string => `
import { openCpuDevice } from "${root.href}src/device/cpu/cpu_device.ts";
import { fill } from "${root.href}kernels/elementwise/kernel.ts";
const device = await openCpuDevice({ threads: 2 });
const y = device.allocate([100000], "f32", "scratch", "y");
device.launch(fill, { y }, { size: 100000, value: 2 });
console.log("sum", (await device.read(y))[0].data.reduce((sum, value) => sum + value, 0));
${end}
`;

/** Runs a program's text from a folder of its own. A program that does not end fails after 30 s. */
async function run(text: string, flags: readonly string[] = ["-A"]) {
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${home}/program.js`, text);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", ...flags, "program.js"],
      cwd: home,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(30_000),
    });
    const { code, stdout, stderr } = await command.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: decode(stdout), errors: decode(stderr) };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("cpu: a program that never disposes of its device ends", async () => {
  assertEquals((await run(program())).output, "sum 200000\n");
});

Deno.test("cpu: a program ends after an exception, and after Deno.exit", async () => {
  const { code, output, errors } = await run(program(`throw new Error("on purpose");`));
  assertEquals([code, output], [1, "sum 200000\n"]);
  assertStringIncludes(errors, "on purpose");
  assertEquals((await run(program("Deno.exit(3);"))).code, 3);
});

Deno.test("cpu: a program ends after disposal, and after idling", async () => {
  const idle = "await new Promise((resolve) => setTimeout(resolve, 200));";
  const disposal = "device[Symbol.dispose]();";
  assertEquals((await run(program(`${idle} ${disposal} ${idle}`))).code, 0);
});

Deno.test("cpu: it needs leave to read its kernels and nothing else", async () => {
  const kernels = `--allow-read=${fileURLToPath(new URL("kernels/cpu.wasm", root))}`;
  assertEquals((await run(program(), ["--no-prompt", kernels])).output, "sum 200000\n");
  const { errors } = await run(program(), ["--no-prompt"]);
  assertStringIncludes(errors, "DeviceError: cannot load the CPU kernels from file:");
});
