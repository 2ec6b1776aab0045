/** Files that a reader drops on the playground. */

import { assertEquals, assertMatch } from "@std/assert";
import { pathToFileURL } from "node:url";
import { buildPlayground } from "../../scripts/playground.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { Browser, type Page } from "../support/browser.ts";
import { withFolder } from "../support/folders.ts";
import { browserPath } from "../support/parts.ts";
import { rootPath } from "../support/source_files.ts";

/** Drops files on the heading of a section, as the system does. */
async function drop(page: Page, section: string, files: readonly string[]): Promise<void> {
  const place = await page.evaluate<{ x: number; y: number }>(`{
    const heading = document.querySelector("#${section} h2");
    heading.scrollIntoView({ block: "center" });
    const { x, y } = heading.getBoundingClientRect();
    ({ x: x + 5, y: y + 5 });
  }`);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await page.send("Input.dispatchDragEvent", { type, ...place, data });
  }
}

const text = (id: string) => `document.getElementById("${id}").textContent`;

async function assertAdapters(page: Page): Promise<void> {
  const folder = `${rootPath}models/rank-study/qv-r2-seed1`;
  await drop(page, "adapter", [`${folder}/adapter_model.safetensors`]);
  await page.until(`${text("adapter-said")}.startsWith("Not read")`, 20_000, "a refusal");
  assertMatch(await page.evaluate(text("adapter-said")), /cannot read adapter_config\.json/);
  await drop(page, "adapter", [folder]);
  await page.until(`${text("adapter-said")}.startsWith("4 sites")`, 20_000, "a folder");
  const chart = `document.getElementById("adapter-chart")`;
  const label = `${chart}.ariaLabel`, other = "transformer.h.0.attn.c_attn:v";
  const before = await page.evaluate<string>(`${chart}.querySelector(".picked").outerHTML`);
  await page.evaluate(`{
    const list = document.getElementById("adapter-site");
    list.selectedIndex = [...list.options].findIndex(({ text }) => text === "${other}");
    list.dispatchEvent(new Event("change"));
  }`);
  assertMatch(await page.evaluate(label), new RegExp(`of 4 sites; those of ${other} begin \\d`));
  const after = await page.evaluate<string>(`${chart}.querySelector(".picked").outerHTML`);
  assertEquals(before === after, false, "another line is in front");
}

async function assertModels(page: Page, folder: string): Promise<void> {
  const said = text("memory-said"), config = `${folder}/config.json`;
  await Deno.writeTextFile(config, JSON.stringify(catalog["gpt2"].config));
  await drop(page, "memory", [config]);
  await page.until(`${said}.startsWith("Your model (gpt2): ")`, 20_000, "the dropped model");
  assertEquals(await page.evaluate(text("catalog")), "Back to llama-2-7b");
  await drop(page, "memory", [`${rootPath}models/tiny-gpt2/config.json`]); // It takes 64 tokens.
  await page.until(`/ of 1,\\d|Not/.test(${said})`, 20_000, "the page's own model");
  assertMatch(
    await page.evaluate(said),
    /^Your model \(gpt2\): LoRA trains .* Counted with 64 tokens each, the most that this model takes\.$/,
  );
  await drop(page, "memory", [`${rootPath}README.md`]);
  await page.until(`${said}.startsWith("Not counted: the text is no config")`, 20_000, "a refusal");
  await page.evaluate(`document.getElementById("catalog").click()`);
  await page.until(`${said}.startsWith("llama-2-7b: ")`, 20_000, "the catalog's model");
  assertEquals(await page.evaluate(`document.getElementById("catalog").hidden`), true);
}

Deno.test({
  name: "a PEFT folder and a config.json are read where they are dropped",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await buildPlayground(folder);
      const address = pathToFileURL(`${folder}/index.html`).href;
      await using browser = await Browser.start();
      await using page = await browser.open(address);
      // Nothing moves from here on.
      await page.until(`document.getElementById("bytes").rows.length > 5`, 20_000, "bytes");
      await assertAdapters(page);
      await assertModels(page, folder);
      await drop(page, "planted", [`${rootPath}README.md`]);
      assertEquals(await page.evaluate("location.href"), address, "the page stays");
      assertEquals(page.errors, []);
    }),
});
