/**
 * A notebook that is open in JupyterLab, in a tab of a headless browser.
 *
 * @module
 */

import type { Browser, Page } from "../../scripts/support/browser.ts";
import { unfold } from "./figures_on_page.ts";
import type { LabServer } from "./lab.ts";

/** To open a page and start a kernel takes seconds, on a machine with much else to do many. */
const openMs = 120_000;
const width = 1280;

const notebook = `[...globalThis.jupyterapp?.shell?.widgets("main") ?? []][0]`;
const kernel = `${notebook}?.sessionContext?.session?.kernel`;
const cells = `${notebook}.content.model.sharedModel.toJSON().cells
  .filter((cell) => cell.cell_type === "code").map((cell) => cell.outputs)`;

/** An open notebook. */
export class LabPage implements AsyncDisposable {
  private constructor(readonly page: Page, readonly name: string) {}

  /** Opens a notebook and waits until its cells are there and its kernel is idle. */
  static async open(browser: Browser, server: LabServer, name: string): Promise<LabPage> {
    const page = await browser.open(server.notebookUrl(name)), lab = new LabPage(page, name);
    await lab.#untilReady();
    return lab;
  }

  /** Runs all cells and waits until the last has run and nothing more is shown. */
  async runAll(ms: number): Promise<void> {
    await this.start("notebook:run-all-cells");
    await this.untilDone(ms);
    await this.#untilQuiet();
  }

  /** Starts a command of JupyterLab; {@link untilDone} waits for it. */
  async start(command: string): Promise<void> {
    await this.page.evaluate(`void (globalThis.done = false,
      jupyterapp.commands.execute("${command}").finally(() => { globalThis.done = true; }))`);
  }

  /** Waits for the command that was started. */
  async untilDone(ms: number): Promise<void> {
    await this.page.until("done", ms, `the cells of ${this.name} to run`);
  }

  /** Runs a command of JupyterLab. */
  async command(command: string, args: Record<string, unknown> = {}): Promise<void> {
    const json = JSON.stringify(args);
    await this.page.evaluate(`jupyterapp.commands.execute("${command}", ${json}).then(() => {})`);
  }

  /** Saves the notebook under its name. */
  async save(): Promise<void> {
    await this.command("docmanager:save");
  }

  /** Loads the page again. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.#untilReady();
  }

  /** Id of the kernel's process; a restart changes it. */
  async kernelId(): Promise<string> {
    return await this.page.evaluate(`${kernel}.id`);
  }

  /** Waits until some output has this text. */
  async untilShown(text: string, ms: number): Promise<void> {
    const shown = `JSON.stringify(${cells}).includes(${JSON.stringify(text)})`;
    await this.page.until(shown, ms, `${this.name} to show ${text}`);
  }

  /** Changes the colors of everything. */
  async setTheme(theme: string): Promise<void> {
    await this.command("apputils:change-theme", { theme });
    const name = "document.body.dataset.jpThemeName";
    const changed = `${name} === ${JSON.stringify(theme)}`;
    const splash = `document.getElementById("jupyterlab-splash")`;
    await this.page.until(`${changed} && ${splash} === null`, openMs, theme);
  }

  /** The outputs of all code cells, as the page holds them. */
  async outputs(): Promise<unknown[][]> {
    return await this.page.evaluate(cells);
  }

  /** Opens folded results and makes the window so high that all is drawn; returns the height. */
  async showAll(): Promise<number> {
    await this.command("notebook:show-all-cell-outputs");
    const last = `document.querySelector(".jp-Notebook-footer").getBoundingClientRect().bottom`;
    const panel = `document.querySelector(".jp-WindowedPanel-outer")`;
    let height = 0;
    // What comes into view is drawn, and makes the notebook higher.
    for (let attempt = 0; attempt < 20; attempt++) {
      await this.page.evaluate(`void ${unfold}`);
      const needed = Math.ceil(await this.page.evaluate<number>(`${last} + ${panel}.scrollTop`)) +
        60;
      if (needed <= height) break;
      height = needed;
      await this.page.resize(width, height);
      await this.page.evaluate(`${panel}.scrollTop = 0`);
      await this.page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))",
      );
    }
    return height;
  }

  /** Closes the tab; the kernel lives on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.page[Symbol.asyncDispose]();
  }

  async #untilReady(): Promise<void> {
    const ready = `${notebook}?.context?.isReady &&
      ${kernel}?.status === "idle" && document.querySelector(".jp-Cell") !== null`;
    await this.page.until(ready, openMs, `${this.name} to open`);
  }

  /** Outputs come after the kernel has said that it is idle. */
  async #untilQuiet(): Promise<void> {
    await this.page.evaluate(`new Promise((done) => {
      let timer = setTimeout(done, 500);
      for (const { model } of ${notebook}.content.widgets) {
        model.outputs?.changed.connect(() => { clearTimeout(timer); timer = setTimeout(done, 500); });
      }
    })`);
  }
}
