/**
 * Builds the playground, a page that needs no server and no network: `deno task playground`, then open
 * `playground/site/index.html`.
 *
 * @module
 */

import { minify } from "npm:terser@5.51.4";
import { contentPolicy } from "../src/figures/html.ts";
import type { Packed } from "../playground/packed.ts";
import { pictureStyle } from "../src/figures/pictures.ts";
import { rootPath } from "./support/source_files.ts";
import { bundle } from "./bundle.ts";

/** The base that a reader may load. */
const base = `${rootPath}models/tiny-skills`;
const baseFiles = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

/** The adapter for readers who have none. */
const ours = `${rootPath}models/rank-study/qv-r4-seed1`;
const adapterFiles = ["adapter_config.json", "adapter_model.safetensors"];

/** Builds the page, and the tiny model beside it, into a folder; returns the page's size in bytes. */
export async function buildPlayground(folder: string): Promise<number> {
  await Deno.mkdir(folder, { recursive: true });
  const script = await bundleScript(`${folder}/main.js.tmp`);
  const read = (name: string) => Deno.readTextFile(`${rootPath}playground/${name}`);
  const [page, style] = [await read("page.html"), await read("page.css")];
  const model = await modelScript();
  await Deno.writeTextFile(`${folder}/tiny_skills.js`, model);
  const filled = page.replace("SIZE", `${(model.length / 1e6).toFixed(1)} MB`)
    .replace("OURS", JSON.stringify(await packed(ours, adapterFiles)));
  const html = await inlined(filled, { style: `${style}\n${pictureStyle}`, script });
  await Deno.writeTextFile(`${folder}/index.html`, html);
  return new TextEncoder().encode(html).length;
}

/** The files of the model as a script: a page from a file may load one, but not fetch it. */
async function modelScript(): Promise<string> {
  return `tinySkills = ${JSON.stringify(await packed(base, baseFiles))};\n`;
}

/** Files of a folder in base64, by their names. */
async function packed(folder: string, files: readonly string[]): Promise<Packed> {
  const texts = files.map(async (name) =>
    [name, (await Deno.readFile(`${folder}/${name}`)).toBase64()] as const
  );
  return Object.fromEntries(await Promise.all(texts));
}

/**
 * The library and the page's own code, with the kernels in it. It is no module, as a worker of a page from
 * a file cannot be one.
 */
async function bundleScript(output: string): Promise<string> {
  await bundle(["playground/entry.ts"], ["--format=iife", `--output=${output}`]);
  const text = await Deno.readTextFile(output);
  await Deno.remove(output);
  assertForPages(text);
  const script = await minified(text);
  return withKernels(script, await Deno.readFile(`${rootPath}kernels/cpu.wasm`));
}

/**
 * Checks that a script begins without a module of Node, which no page has.
 *
 * @throws {Error} when it asks for one.
 */
export function assertForPages(script: string): void {
  const asked = /\b__require\("(node:[^"]+)"\)/.exec(script)?.[1];
  if (asked) throw new Error(`a script of a page must not need a module of Node, found ${asked}`);
}

/** A script with short names and without spaces; what it declares with `using` is still disposed. */
export async function minified(script: string): Promise<string> {
  const { code } = await minify(script, { compress: false, format: { comments: false } });
  return code!;
}

/** A page from a file may not fetch the file beside it, but data that is in itself. */
function withKernels(script: string, wasm: Uint8Array<ArrayBuffer>): string {
  const parts = script.split(/new URL\("\.\/cpu\.wasm",\s*[\w$]+\.url\)/);
  if (parts.length !== 2) throw new Error("the bundle must say where cpu.wasm is once");
  return parts.join(`new URL("data:application/wasm;base64,${wasm.toBase64()}")`);
}

/**
 * Further permissions of the page's script: add the model's script, as no source expression matches
 * the address of a file in every browser; compile the kernels; fetch these, and the model's files,
 * from data URLs; start a worker with its own text, which is a blob there. The worker is under the
 * same policy.
 */
const needs = {
  script: ["'strict-dynamic'", "'wasm-unsafe-eval'"],
  connect: "data:",
  worker: "blob:",
};

/** The page with its style and script in it, and the policy that lets this script run and no other. */
async function inlined(
  page: string,
  { style, script }: { style: string; script: string },
): Promise<string> {
  const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  const policy = await contentPolicy([safe], needs);
  return page
    .replace(
      `<meta charset="utf-8">`,
      (charset) => `${charset}\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    )
    .replace(`<link rel="stylesheet" href="page.css">`, () => `<style>\n${style}</style>`)
    .replace(
      `<script src="main.js"></script>`,
      () => `<script>${safe}</script>`,
    );
}

if (import.meta.main) {
  const bytes = await buildPlayground(`${rootPath}playground/site`);
  console.log(`wrote ${bytes.toLocaleString("en-US")} bytes; open playground/site/index.html`);
}
