/** The memory of a model of the catalog, or of a reader's own configuration. @module */

import { catalog, type ConfigJson } from "../src/architectures/mod.ts";
import { isRecord } from "../src/core/checks.ts";
import { quote } from "../src/core/errors.ts";
import { element, page } from "./dom.ts";
import { takeDrops } from "./drop.ts";
import { countMemory, type MemoryQuestion, models } from "./memory.ts";
import type { State } from "./state.ts";
import { showMemory, showNoMemory } from "./views/memory.ts";

const types = [...new Set(models.map((name) => catalog[name].config.model_type))];

const isCounted = ({ model_type: type }: ConfigJson): boolean => types.includes(type);

const otherType = ({ model_type: type }: ConfigJson): string =>
  `this page counts models of type ${types.join(", ")}; yours ${
    type === undefined ? "says no model_type" : `has type ${quote(type)}`
  }`;

/** Counts the bytes of one model at a time. */
export class MemoryApp {
  #state: State;
  /** A reader's own model, which is counted in place of the catalog's. */
  #own: ConfigJson | undefined;
  /** Number of questions so far: only the newest is answered. */
  #asked = 0;

  /** Counts the model of a state. */
  constructor(state: State) {
    this.#state = state;
    element("count").onclick = () => this.#take(element("config").value);
    element("catalog").onclick = () => this.open(this.#state);
    element("config-file").onchange = () => this.#read([...element("config-file").files]);
    takeDrops("memory", (files) => this.#read(files));
    this.open(state);
  }

  /** Counts the catalog's model that a state names. */
  open(state: State): void {
    this.#own = undefined;
    this.change(state);
  }

  /** Counts the same model with other handles; a large one takes a second, so the page says so first. */
  change(state: State): void {
    this.#state = state;
    element("catalog").hidden = !this.#own;
    element("catalog").textContent = `Back to ${state.model}`;
    element("memory-said").textContent = "Counting …";
    const asked = ++this.#asked;
    page.requestAnimationFrame(() => setTimeout(() => asked === this.#asked && this.#count()));
  }

  #count(): void {
    const { model, modelRank: rank, sites, dtype, batch, length } = this.#state;
    const where = sites === "all-linear" ? sites : sites.split(",");
    const config = this.#own ?? catalog[model].config;
    const name = this.#own ? `Your model (${config.model_type})` : model;
    try {
      const question: MemoryQuestion = { config, rank, sites: where, dtype, batch, length };
      showMemory(name, question, countMemory(question));
    } catch (error) {
      showNoMemory(isCounted(config) ? (error as Error).message : otherType(config));
    }
  }

  /** Shows a file as text, which is then counted. */
  async #read(files: readonly File[]): Promise<void> {
    const file = files.find(({ name }) => name === "config.json") ?? files[0];
    if (!file) return;
    this.#take(element("config").value = await file.text());
  }

  #take(text: string): void {
    try {
      const config = JSON.parse(text);
      if (!isRecord(config)) throw new SyntaxError();
      this.#own = config as ConfigJson;
      this.change(this.#state);
    } catch {
      showNoMemory("the text is no config.json, which begins with { and ends with }");
    }
  }
}
