/**
 * `mod.ts` in a browser: bundled, served as static files without any special header, and trained on the
 * `cpu` device.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as here from "../../mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Folder } from "../../src/storage/storage.ts";
import { Browser, type Page } from "../../scripts/support/browser.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { bundle } from "./run.ts";
import { serveFolder } from "../../scripts/support/serve.ts";

type Lowrank = typeof here;

/** The losses of a few steps of LoRA on a tokenized text. Its text goes to the page: nothing from around it. */
async function losses(lowrank: Lowrank, device: here.Device, folder: Folder) {
  using model = await lowrank.loadModel(device, folder);
  using _adapter = lowrank.injectLora(model, { rank: 4, alpha: 8, sites: ["q", "v"], seed: 1 });
  const tokenizer = await lowrank.loadTokenizer(folder);
  const ids = tokenizer.encode(
    "A small change is learned beside the large matrix, which stays as it is",
  );
  const batch = {
    inputs: { tokens: { shape: [1, ids.length - 1], data: ids.slice(0, -1) } },
    targets: { shape: [1, ids.length - 1], data: Int32Array.from(ids.slice(1)) },
  };
  const found: number[] = [], options = { learningRate: 1e-2, steps: 5, seed: 1 };
  for await (const { loss } of lowrank.train(model, [batch], options)) found.push(loss);
  return found;
}

/** A site of static files: a page, the bundle with the kernels beside it, and a model. */
async function makeSite(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/index.html`, "<!doctype html><title>Lowrank</title>");
  await bundle("mod.ts", `${folder}/lowrank.js`);
  await Deno.copyFile(`${rootPath}kernels/cpu.wasm`, `${folder}/cpu.wasm`);
  await Deno.mkdir(`${folder}/models/tiny-gpt2`, { recursive: true });
  for (
    const name of ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
  ) {
    const file = `models/tiny-gpt2/${name}`;
    await Deno.copyFile(rootPath + file, `${folder}/${file}`);
  }
}

/** Runs statements in the page; `lowrank` is the library and `device` its `cpu` device. */
async function inPage<T>(page: Page, statements: string): Promise<T> {
  return await page.evaluate<T>(`(async () => {
    const lowrank = await import("/lowrank.js");
    using device = await lowrank.openDevice({ kind: "cpu" });
    ${statements}
  })()`);
}

const files = `await Promise.all(["config.json", "model.safetensors", "tokenizer.json",
  "tokenizer_config.json"].map(async (name) => {
    return new File([await (await fetch("models/tiny-gpt2/" + name)).blob()], name);
  }))`;

Deno.test({
  name: "a page trains the same bits as Deno, with a model from a URL or from memory",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await makeSite(folder);
      await using server = serveFolder(`${folder}/`);
      await using browser = await Browser.start();
      await using page = await browser.open(`${server.url}index.html`);
      using device = await openCpuDevice({ threads: 1, blas: false });
      const expected = await losses(here, device, `${rootPath}models/tiny-gpt2`);
      assert(expected.every(Number.isFinite) && expected[4] < expected[0]);

      assertEquals(await inPage(page, "return device.description"), device.description);
      for (const source of [`"models/tiny-gpt2"`, files]) {
        const found = await inPage(page, `return await (${losses})(lowrank, device, ${source})`);
        assertEquals(found, expected);
      }
      const refusals = await inPage<string[]>(
        page,
        `
        const refusal = (promise) => promise.then(() => "none", ({ message }) => message);
        using model = await lowrank.loadModel(device, "models/tiny-gpt2");
        return await Promise.all([
          refusal(lowrank.saveModel(model, "out")),
          refusal(lowrank.loadModel(device, "models/none")),
          refusal(lowrank.openDevice({ kind: "cpu", threads: 2 })),
        ]);`,
      );
      assertEquals(refusals[0], "cannot write out: a page in a browser has no disk");
      assertEquals(refusals[1], "cannot read models/none/config.json: it does not exist");
      assertStringIncludes(refusals[2], "one thread in a browser");
      assertEquals(page.errors, []);
    }),
});
