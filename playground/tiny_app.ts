/** The tiny GPT-2 in the page: it loads when it is asked for, learns lines, speaks, merges and is saved. @module */

import { openDevice } from "../src/device/mod.ts";
import { element, page } from "./dom.ts";
import { type State, tinySettingsOf } from "./state.ts";
import { loadFiles } from "./tiny/files.ts";
import { loadBase, type TinyBase, Tuning } from "./tiny/tuning.ts";
import {
  drawTuning,
  mergedText,
  showWords,
  type Spoken,
  tuningJson,
  tuningText,
} from "./views/tiny.ts";
import { showAdapter } from "./views/adapter.ts";

/** Continuations of a prompt that are shown. */
const seeds = 3;

/** One tuning at a time. What it does is queued, so that nothing is freed while it is used. */
export class TinyApp {
  #state: State;
  #base: TinyBase | undefined;
  #tuning: Tuning | undefined;
  #spoken: Spoken[] = [];
  #isRunning = false;
  /** Which of the loops of steps is in force: each start begins one. */
  #loop = 0;
  #work: Promise<void> = Promise.resolve();
  #links: string[] = [];

  /** Waits until a reader asks for the model. */
  constructor(state: State) {
    this.#state = state;
    const queued = (work: () => Promise<void>) => () => this.#queue(work);
    element("tiny-load").onclick = queued(() => this.#load());
    element("tiny-run").onclick = queued(() => this.#turn());
    element("tiny-reset").onclick = () => this.restart(this.#state);
    element("tiny-merge").onclick = queued(() => this.#merge());
    element("tiny-look").onclick = queued(() => this.#look());
    element("tiny-lines").onchange = () => this.restart(this.#state);
  }

  /** Begins again with another state; before the model is loaded there is nothing to do. */
  restart(state: State): void {
    this.#state = state;
    this.#isRunning = false;
    this.#queue(() => this.#state === state && this.#base ? this.#open() : Promise.resolve());
  }

  /** Shows another site, or continues another prompt. */
  show(state: State, speaks: boolean): void {
    this.#state = state;
    this.draw();
    if (speaks && this.#tuning) this.#queue(() => this.#stand());
  }

  /** Draws again, in another size or in other colors. */
  draw(): void {
    if (this.#tuning) drawTuning(this.#tuning, this.#state.site);
  }

  #queue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error) => {
      this.#setRunning(false);
      say(`${(error as Error).message}.`);
    });
  }

  async #load(): Promise<void> {
    if (this.#base) return;
    say("Loading …");
    element("tiny-load").disabled = true;
    try {
      this.#base = await loadBase(await openDevice({ kind: "cpu" }), await loadFiles());
    } finally {
      element("tiny-load").disabled = false;
    }
    for (const [id, isHidden] of [["tiny-offer", true], ["tiny-stage", false]] as const) {
      element(id).hidden = isHidden;
    }
    await this.#open();
    element("tiny-run").focus(); // The keys' place is gone with the button.
  }

  async #open(): Promise<void> {
    await this.#tuning?.[Symbol.asyncDispose]();
    this.#tuning = undefined;
    element("tiny-actions").hidden = true;
    const lines = element("tiny-lines").value.split("\n").map((line) => line.trim());
    const texts = lines.filter((line) => line !== "");
    this.#tuning = new Tuning(this.#base!, texts, tinySettingsOf(this.#state));
    await this.#tuning.read();
    this.draw();
    await this.#stand();
  }

  async #turn(): Promise<void> {
    if (this.#isRunning) return await this.#stand();
    if (!this.#tuning?.canContinue) await this.#open();
    this.#setRunning(true);
    say("Learning …");
    const loop = ++this.#loop;
    page.requestAnimationFrame(() => this.#frame(loop));
  }

  /** One step, and its picture. */
  #frame(loop: number): void {
    if (!this.#isRunning || loop !== this.#loop) return;
    this.#queue(async () => {
      await this.#tuning!.step();
      this.draw();
      if (!this.#tuning!.canContinue) await this.#stand();
      else page.requestAnimationFrame(() => this.#frame(loop));
    });
  }

  /** Stops, speaks, and offers what was learned. */
  async #stand(): Promise<void> {
    this.#setRunning(false);
    const tuning = this.#tuning!;
    say(tuningText(tuning));
    await this.#speak(tuning);
    element("tiny-exact").querySelector("pre").textContent = tuningJson(tuning, this.#spoken);
    element("tiny-actions").hidden = tuning.steps === 0;
    if (tuning.steps > 0) await this.#link(tuning);
  }

  async #speak(tuning: Tuning): Promise<void> {
    const { prompt, textSeed } = this.#state;
    this.#spoken = [];
    for (let seed = textSeed; seed < textSeed + seeds; seed++) {
      const [base, student] = [
        await tuning.speak("base", prompt, seed),
        await tuning.speak("student", prompt, seed),
      ];
      this.#spoken.push({ seed, base, student });
      showWords(prompt, this.#spoken);
      await new Promise((resolve) => setTimeout(resolve)); // The page stays alive.
    }
  }

  /** The files of the adapter as links, which a browser saves. */
  async #link(tuning: Tuning): Promise<void> {
    this.#links.forEach((link) => URL.revokeObjectURL(link));
    const files = await tuning.files();
    this.#links = ["adapter_config.json", "adapter_model.safetensors"].map((name) => {
      const link = URL.createObjectURL(files.find((file) => file.name === name)!);
      element(name).setAttribute("href", link);
      return link;
    });
  }

  async #merge(): Promise<void> {
    const { prompt, textSeed } = this.#state, tuning = this.#tuning!;
    const beside = await tuning.speak("student", prompt, textSeed);
    say(mergedText(await tuning.merge(prompt), beside));
  }

  async #look(): Promise<void> {
    element("adapter").scrollIntoView();
    await showAdapter(await this.#tuning!.files());
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    const isOver = this.#tuning && !this.#tuning.canContinue;
    element("tiny-run").textContent = isRunning ? "Pause" : isOver ? "Learn again" : "Learn";
    element("tiny-merge").disabled = isRunning;
    element("tiny-look").disabled = isRunning;
  }
}

const say = (text: string): void => void (element("tiny-said").textContent = text);
