/** Three programs that run the cells of a notebook: a page, Deno's Jupyter kernel, and Deno alone. */

import { loadMathJax } from "../../src/figures/formula.ts";
import { loaderScripts } from "../../src/figures/loader.ts";
import { figuresPath, renderNotebook } from "../../scripts/site/notebook.ts";
import { buildRun } from "../../scripts/site/run/build.ts";
import { serveFolder } from "../../scripts/support/serve.ts";
import { Browser, type Page } from "../../scripts/support/browser.ts";
import { Kernel } from "../../scripts/support/kernel_client.ts";
import { codeCells, notebooksPath, parseNotebook } from "../../scripts/support/notebook_file.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { probeCell } from "./probes.ts";

/** The longest time of a cell, or of a page's cells: a machine may have much else to do. */
const mostMs = 1_800_000;

/** A device whose kernels give the same bits everywhere. */
const env = { LOWRANK_DEVICE: "cpu", LOWRANK_BLAS: "off" };

const sourcesOf = (name: string): string[] =>
  codeCells(parseNotebook(sourceText(`notebooks/${name}.ipynb`))).map(({ source }) => source);

/** Runs a notebook's cells in Deno's Jupyter kernel; gives what the probe prints. */
export async function printedByJupyter(name: string): Promise<string> {
  await using kernel = await Kernel.start({ cwd: notebooksPath, env });
  for (const source of sourcesOf(name)) await kernel.execute(source, mostMs);
  const { outputs } = await kernel.execute(probeCell(name), mostMs);
  const texts = outputs.map((output) => output.output_type === "stream" ? output.text : "");
  return texts.join("").trim();
}

/** Runs a notebook's cells in a program of Deno; gives what the probe prints. */
export async function printedByDeno(name: string): Promise<string> {
  const args = ["run", "-A", "--no-check", `${rootPath}tests/site/cells_program.ts`];
  const streams = { stdin: "piped", stdout: "piped" } as const;
  const options = { args, cwd: notebooksPath, env, ...streams };
  await using process = new Deno.Command(Deno.execPath(), options).spawn();
  const cells = JSON.stringify([...sourcesOf(name), probeCell(name)]);
  await new Blob([cells]).stream().pipeTo(process.stdin);
  const { stdout } = await process.output();
  return new TextDecoder().decode(stdout).trim();
}

/** A served site of some notebooks, and a browser. */
export class RunningPages implements AsyncDisposable {
  readonly #owner: AsyncDisposable;
  readonly #browser: Browser;
  readonly #url: string;

  private constructor(owner: AsyncDisposable, browser: Browser, url: string) {
    [this.#owner, this.#browser, this.#url] = [owner, browser, url];
  }

  /** Builds the pages and serves them. */
  static async start(names: readonly string[]): Promise<RunningPages> {
    await using unfinished = new AsyncDisposableStack();
    const site = await Deno.makeTempDir({ prefix: "lowrank_pages_" });
    unfinished.defer(() => Deno.remove(site, { recursive: true }));
    await buildRun(site);
    await writePages(site, names);
    const { url } = unfinished.use(serveFolder(site));
    const browser = unfinished.use(await Browser.start({ width: 1366, height: 900 }));
    return new RunningPages(unfinished.move(), browser, url);
  }

  /** Opens the page of a notebook, and waits until its cells are live. */
  async open(name: string): Promise<Page> {
    const page = await this.#browser.open(`${this.#url}notebooks/${name}.html`);
    await page.until(`document.querySelector(".cells-bar")`, 120_000, "the buttons of the page");
    return page;
  }

  /** Ends the browser and the server, and removes the site. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner[Symbol.asyncDispose]();
  }
}

async function writePages(site: string, names: readonly string[]): Promise<void> {
  await Deno.mkdir(`${site}/notebooks`);
  await Deno.writeTextFile(`${site}/${figuresPath}`, (await loaderScripts())[0]);
  const draw = await loadMathJax();
  for (const name of names) {
    const path = `notebooks/${name}.ipynb`, { html } = renderNotebook(path, sourceText(path), draw);
    await Deno.writeTextFile(
      `${site}/notebooks/${name}.html`,
      `<!DOCTYPE html>\n<meta charset="utf-8">\n${html}`,
    );
  }
}

/** Runs all cells of a page, and then the probe in the place of the last one; gives what it prints. */
export async function printedByPage(page: Page, name: string): Promise<string> {
  await runAll(page);
  return await outputOf(page, probeCell(name));
}

/** Runs all cells of a page. */
export async function runAll(page: Page): Promise<void> {
  await page.evaluate(`document.querySelector(".cells-bar button").click()`);
  await untilIdle(page);
}

/** The text of the output of a source that is put into the last cell. */
export async function outputOf(page: Page, source: string): Promise<string> {
  await page.evaluate(`{
    const cell = [...document.querySelectorAll("section.cell")].at(-1);
    cell.querySelector("code").textContent = ${JSON.stringify(source)};
    cell.querySelector("code").dispatchEvent(new Event("input"));
    cell.querySelector("button.run").click();
  }`);
  await untilIdle(page);
  return await page.evaluate(
    `[...document.querySelectorAll("section.cell .output")].at(-1).textContent.trim()`,
  );
}

/** Waits until no cell runs or waits. */
async function untilIdle(page: Page): Promise<void> {
  const idle = `!document.querySelector("[data-state=runs], [data-state=waits]")`;
  await page.until(idle, mostMs, "the cells of the page to run");
}
