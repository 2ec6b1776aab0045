/** The CPU device in programs of its own: that they end, and that it is found wherever it comes from. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { root } from "../support/source_files.ts";

const device = "src/device/cpu/cpu_device.ts", fill = "kernels/elementwise/kernel.ts";

/** A program that fills 100,000 elements on two threads and never disposes of its device. */
const program = (from: string, end = "", js = ""): string => `
import { openCpuDevice } from "${from}${device.replace(/\.ts$/, js || ".ts")}";
import { fill } from "${from}${fill.replace(/\.ts$/, js || ".ts")}";
const device = await openCpuDevice({ threads: 2 });
const y = device.allocate([100000], "f32", "scratch", "y");
device.launch(fill, { y }, { size: 100000, value: 2 });
console.log("sum", (await device.read(y))[0].data.reduce((sum, value) => sum + value, 0));
${end}
`;

/** Runs a program's text from a folder of its own. A program that does not end fails after 30 s. */
async function run(text: string, flags: readonly string[] = ["-A"], folder?: string) {
  const home = folder ?? await Deno.makeTempDir();
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
    if (!folder) await Deno.remove(home, { recursive: true });
  }
}

Deno.test("cpu: a program that never disposes of its device ends", async () => {
  assertEquals((await run(program(root.href))).output, "sum 200000\n");
});

Deno.test("cpu: a program ends after an exception, and after Deno.exit", async () => {
  const { code, output, errors } = await run(program(root.href, `throw new Error("on purpose");`));
  assertEquals([code, output], [1, "sum 200000\n"]);
  assertStringIncludes(errors, "on purpose");
  assertEquals((await run(program(root.href, "Deno.exit(3);"))).code, 3);
});

Deno.test("cpu: a program ends after disposal, and after idling", async () => {
  const idle = "await new Promise((resolve) => setTimeout(resolve, 200));";
  const disposal = "device[Symbol.dispose]();";
  assertEquals((await run(program(root.href, `${idle} ${disposal} ${idle}`))).code, 0);
});

Deno.test("cpu: it needs leave to read its kernels and nothing else", async () => {
  const kernels = `--allow-read=${fileURLToPath(new URL("kernels/cpu.wasm", root))}`;
  assertEquals((await run(program(root.href), ["--no-prompt", kernels])).output, "sum 200000\n");
  const { errors } = await run(program(root.href), ["--no-prompt"]);
  assertStringIncludes(errors, "DeviceError: cannot load the CPU kernels from file:");
});

Deno.test("cpu: it is imported over HTTP", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    return new Response(await Deno.readFile(new URL(`.${pathname}`, root)));
  });
  try {
    const result = await run(program(`http://127.0.0.1:${server.addr.port}/`));
    assertEquals(result.output, "sum 200000\n", result.errors);
  } finally {
    await server.shutdown();
  }
});

Deno.test("cpu: it works in a package made by deno pack", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await packInto(folder);
    const { output, errors } = await run(program("./package/", "", ".js"), ["-A"], folder);
    assertEquals(output, "sum 200000\n", errors);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Packs what the device needs, as a package of its own, and unpacks it. */
async function packInto(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/src`);
  for (const part of ["src/core", "src/blas", "src/device", "kernels"]) {
    await copy(part, `${folder}/${part}`);
  }
  const name = "@lowrank/packed",
    version = "0.0.1",
    exports = { ".": `./${device}`, "./kernels": `./${fill}` };
  const exclude = ["**/*.as.ts"], types = ["npm:@webgpu/types@0.1.74"];
  const config = { name, version, license: "Apache-2.0", exports, exclude };
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({ ...config, compilerOptions: { types } }),
  );
  await command(folder, Deno.execPath(), ["pack", "--allow-slow-types", "-o", "packed.tgz"]);
  await command(folder, "tar", ["xzf", "packed.tgz"]);
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(new URL(from, root))) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(new URL(`${from}/${name}`, root), `${to}/${name}`);
  }
}

async function command(cwd: string, program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, cwd }).output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
