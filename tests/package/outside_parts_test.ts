/**
 * The files that `deno publish` would publish, alone in a folder: programs and commands that use them run in an
 * empty folder with an empty HOME, by path and over HTTP, as from a registry.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bytesOf, publishedFiles } from "../../scripts/sizes.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { moduleCache } from "./run.ts";
import { type Served, serveFolder } from "../../scripts/support/serve.ts";

const { exports: entries } = JSON.parse(sourceText("deno.json"));

/** The places of a user: the package alone, an empty folder, an empty HOME and no remote modules. */
interface Outside extends AsyncDisposable {
  /** The package, on a server. */
  readonly server: Served;
  /** Starts Deno in the user's folder. */
  start(...args: string[]): Deno.ChildProcess;
  /** Runs Deno there, and gives what it printed. */
  run(...args: string[]): Promise<string>;
  /** The user's folder. */
  readonly own: string;
}

async function outside(folder: string): Promise<Outside> {
  const files = await publishedFiles(), own = `${folder}/own`;
  for (const path of files) {
    const to = `${folder}/package/${path}`;
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(rootPath + path, to);
  }
  for (const name of ["own", "home"]) await Deno.mkdir(`${folder}/${name}`);
  const server = serveFolder(`${folder}/package/`), cache = await moduleCache();
  const variables = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", LOWRANK_BLAS: "off" };
  const env = { ...variables, HOME: `${folder}/home`, DENO_DIR: cache.path };
  const start = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: own,
      env: { ...env, PATH: Deno.env.get("PATH")! },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  const run = async (...args: string[]) => {
    const { success, stdout, stderr } = await start(...args).output();
    assert(success, `deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  };
  const end = async () => {
    await server[Symbol.asyncDispose]();
    await cache[Symbol.asyncDispose]();
  };
  return { server, own, start, run, [Symbol.asyncDispose]: end };
}

/** Sends SIGINT as soon as a program has said something; gives its exit code and all that it said. */
async function interrupted(child: Deno.ChildProcess, words: string) {
  let said = "", isSent = false;
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += part;
    if (!isSent && said.includes(words)) isSent = true, child.kill("SIGINT");
  }
  await child.stdout.cancel();
  return { code: (await child.status).code, said };
}

/** Writes an adapter so large that workers describe it. */
async function writeLarge(folder: string): Promise<void> {
  const rank = 64, width = 4096;
  const data = Float32Array.from({ length: rank * width }, (_, i) => Math.sin(i * i));
  const A = { shape: [rank, width], data }, B = { shape: [width, rank], data };
  const updates = Array.from(
    { length: 6 },
    (_, layer) => ({ module: `model.layers.${layer}.self_attn.q_proj`, A, B, scaling: 1 }),
  );
  await writeAdapter(folder, { updates, targetModules: ["q_proj"], fanInFanOut: false });
}

/** Most bytes of what is published: JSR takes 20 MB, and models are not a part of it but for one of 2 MB. */
const mostBytes = 8_000_000;

Deno.test("what is published is small, and has one model", async () => {
  const files = await publishedFiles(), bytes = await bytesOf(files);
  assert(files.length > 600 && bytes < mostBytes, `${bytes} bytes`);
  const models = files.filter((path) => path.endsWith(".safetensors"));
  assertEquals(models, ["models/tiny-skills/model.safetensors"]);
});

Deno.test("by path: the README's program runs after begin, with the permissions that the README says", () =>
  withFolder(async (folder) => {
    await using user = await outside(folder);
    const imports = Object.fromEntries(
      Object.entries<string>(entries).map(([entry, path]) =>
        [`@lowrank/core${entry.slice(1)}`, `../package/${path}`] as const
      ),
    );
    await Deno.writeTextFile(`${user.own}/deno.json`, JSON.stringify({ imports }));
    await user.run("run", "-RW", "@lowrank/core/cli", "begin");
    const [, flags] = /npx -y deno run (.*) examples\/first\.ts/.exec(sourceText("README.md"))!;
    const printed = await user.run("run", "--no-prompt", ...flags.split(" "), "examples/first.ts");
    assertEquals(printed, "0\n1\nneerg\n");
    await Deno.writeTextFile(
      `${user.own}/all.ts`,
      Object.keys(imports).map((name) => `import "${name}";\n`).join(""),
    );
    assertEquals(await user.run("run", "-R", "all.ts"), "");
  }));

Deno.test("over HTTP: help, begin, count, a training that is stopped and resumed, inspect with workers, serve", () =>
  withFolder(async (folder) => {
    await using user = await outside(folder);
    const { asked, url } = user.server, program = ["run", "-A", `${url}cli.ts`];
    const lowrank = (...args: string[]) => user.run(...program, ...args);
    assertStringIncludes(await lowrank("--help"), `lowrank stands for: deno run -A ${url}cli.ts\n`);
    assertStringIncludes(await lowrank("begin"), `${url}cli.ts train --model models/tiny-skills`);
    const counted = JSON.parse(await lowrank("count", "models/tiny-skills", "--json"));
    assertEquals(counted.total, 951_744);
    await testTraining(user, program);
    const all = Object.values<string>(entries).map((path) => `import "${url}${path.slice(2)}";\n`);
    await Deno.writeTextFile(`${user.own}/all.ts`, all.join(""));
    assertEquals(await user.run("run", "-A", "all.ts"), "");
    const inspected = JSON.parse(
      await lowrank("inspect", "out", "--base", "models/tiny-skills", "--json"),
    );
    assertEquals(inspected.modules.length, 4);
    await writeLarge(`${user.own}/large`);
    assertEquals(JSON.parse(await lowrank("inspect", "large", "--json")).modules.length, 6);
    for (const path of ["kernels/cpu.wasm", "src/inspect/update_worker.ts"]) {
      assert(asked.has(path), path);
    }
    assert([...asked].some((path) => path.endsWith(".wgsl")));
    await testServing(user, program);
  }));

async function testTraining({ start, run }: Outside, program: readonly string[]): Promise<void> {
  const train = ["train", "--model", "models/tiny-skills", "--data", "examples/flip.jsonl"];
  const args = [...program, ...train, "--steps", "40", "--output", "out"];
  const { code, said } = await interrupted(start(...args), "step ");
  assertEquals(code, 130, said);
  const child = start(...args), { stderr, code: end } = await child.output();
  assertEquals(end, 0);
  assertMatch(new TextDecoder().decode(stderr), /resuming after step \d+/);
  await run(
    ...program,
    "generate",
    "--model",
    "models/tiny-skills",
    "--adapter",
    "out",
    "--prompt",
    "flp ab:",
  );
}

async function testServing({ start }: Outside, program: readonly string[]): Promise<void> {
  const child = start(
    ...program,
    "serve",
    "--model",
    "models/tiny-skills",
    "--port",
    "0",
    "--quiet",
    "--json",
  );
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read(), { address } = JSON.parse(value!);
  const answer = await fetch(`${address}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "models/tiny-skills", prompt: "rev green:", max_tokens: 8 }),
  });
  const { choices } = await answer.json();
  assertEquals(choices[0].text.trim(), "neerg");
  child.kill("SIGTERM");
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
  assertEquals((await child.status).code, 143);
}
