/** A cell of the page: its source, which can be changed, its button and its outputs. @module */

import type { CellError } from "../calls.ts";
import type { Broadcast } from "../kernel/small_deno.ts";
import type { CellEnd, RunnableCell } from "./all_cells.ts";
import { made, type PageElement } from "./dom.ts";
import type { Kept } from "./kept.ts";
import { Ended, type Kernel } from "./kernel.ts";
import { Outputs } from "./output.ts";

/** Stores of the page. */
export interface Stores {
  /** Edited sources, which are kept for good. */
  readonly sources: Kept;
  /** Outputs, which are kept as long as the tab. */
  readonly outputs: Kept;
}

/** A cell. */
export class PageCell implements RunnableCell {
  /** Its place in the notebook. */
  readonly index: number;
  readonly #section: PageElement;
  readonly #code: PageElement;
  readonly #original: string;
  readonly #place: PageElement;
  readonly #outputs: Outputs;
  readonly #button = made("button", "run", "Run");
  readonly #undo = made("button", "undo", "Undo my changes");
  readonly #kernel: Kernel;
  readonly #stores: Stores;

  /** Makes a section of the page live. */
  constructor(section: PageElement, kernel: Kernel, stores: Stores) {
    this.index = Number(section.dataset.cell);
    this.#section = section;
    this.#code = section.querySelector("pre.source code")!;
    this.#original = this.#code.textContent;
    this.#place = section.querySelector(".output") ?? made("div", "output");
    if (!this.#place.parentElement) section.append(this.#place);
    [this.#kernel, this.#stores] = [kernel, stores];
    this.#outputs = new Outputs(this.#place);
    this.#restore();
    this.#listen();
  }

  /** The source as it is now. */
  get source(): string {
    return this.#code.textContent;
  }

  /** Its place with the code of the notebook: what was kept of another edition's cell is not taken for this one's. */
  get #keptName(): string {
    return `${this.index} ${this.#original}`;
  }

  /** Runs it and tells how it ended; where it was stopped it failed, unless it ended by itself. */
  async run(): Promise<CellEnd> {
    this.#mark("waits");
    let isFirst = true;
    const output = (given: Broadcast) => {
      if (isFirst) this.#outputs.clear();
      isFirst = false;
      this.#mark("runs");
      this.#outputs.take(given);
    };
    const error = await this.#kernel.run(this.index, this.source, { output }).catch(asError);
    if (isFirst) this.#outputs.clear();
    isFirst = false;
    if (error) this.#outputs.take({ type: "error", content: { ...error } });
    this.#mark(error ? "failed" : "done");
    this.#stores.outputs.set(this.#keptName, JSON.stringify(this.#outputs.taken));
    if (!error) return "done";
    return error.name === "NotInPage" ? "not in a page" : "failed";
  }

  /** The element that folds the output, if one does. */
  get #fold(): PageElement | null {
    return this.#place.closest("details.fold");
  }

  /** Run for itself it shows its output; among all cells, what is folded stays so. */
  async #runHere(): Promise<void> {
    await this.run();
    if (this.#fold) this.#fold.open = true;
  }

  /** Takes back that it was run: the variables are gone. */
  forget(): void {
    delete this.#section.dataset.state;
  }

  #listen(): void {
    // A slider of the page as it was built says that the cell has to run.
    this.#section.addEventListener("click", (event) => {
      if (!event.target.closest(".asleep a")) return;
      event.preventDefault();
      void this.#runHere();
    });
    const { dataset } = this.#section;
    dataset.live = "";
    const bar = made("div", "cell-bar");
    bar.append(this.#button, this.#undo);
    (this.#fold ?? this.#place).before(bar);
    this.#button.addEventListener("click", () => void this.#runHere());
    this.#undo.addEventListener("click", () => this.#edit(this.#original));
    const code = { contenteditable: "plaintext-only", spellcheck: "false", role: "textbox" };
    const words = { "aria-multiline": "true", "aria-label": `Code of cell ${this.index}` };
    for (const [name, value] of Object.entries({ ...code, ...words, tabindex: "0" })) {
      this.#code.setAttribute(name, value);
    }
    this.#code.addEventListener("input", () => this.#keep());
    this.#code.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.shiftKey || event.ctrlKey)) return;
      event.preventDefault();
      void this.#runHere();
    });
  }

  #restore(): void {
    const source = this.#stores.sources.get(this.#keptName);
    if (source !== undefined && source !== this.#original) this.#code.textContent = source;
    this.#undo.hidden = this.source === this.#original;
    const outputs = this.#stores.outputs.get(this.#keptName);
    if (outputs === undefined) return;
    this.#outputs.clear();
    for (const output of JSON.parse(outputs) as Broadcast[]) this.#outputs.take(output);
  }

  #edit(source: string): void {
    this.#code.textContent = source;
    this.#keep();
  }

  #keep(): void {
    const isChanged = this.source !== this.#original;
    this.#stores.sources.set(this.#keptName, isChanged ? this.source : undefined);
    this.#undo.hidden = !isChanged;
  }

  #mark(state: "waits" | "runs" | "done" | "failed"): void {
    this.#section.dataset.state = state;
  }
}

function asError(error: Error): CellError {
  if (error instanceof Ended) return { name: error.name, message: error.message };
  throw error;
}
