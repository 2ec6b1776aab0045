/** The tiny GPT-2 in the page: it loads when it is asked for, learns lines, speaks, merges and is saved. @module */

import { element } from "./dom.ts";
import { type State, tinySettingsOf } from "./state.ts";
import { TuningCurves } from "./tiny/curves.ts";
import { loadFiles } from "./tiny/files.ts";
import { RightByRank } from "./tiny/ranks.ts";
import { Remote } from "./tiny/remote.ts";
import {
  drawTuning,
  mergedText,
  showWords,
  type Spoken,
  tuningJson,
  tuningText,
} from "./views/tiny.ts";
import { showNext } from "./views/next.ts";
import { pictureClock } from "./views/motion.ts";
import { showAdapter } from "./views/adapter.ts";

/** Continuations of a prompt that are shown. */
const seeds = 3;

/** One tuning at a time. What it does is queued, so that nothing is freed while it is used. */
export class TinyApp {
  #state: State;
  #files: File[] | undefined;
  #remote: Remote | undefined;
  #curves: TuningCurves | undefined;
  /** Number of interruptions by actions that need not wait until all is said. */
  #interrupts = 0;
  /** Number of restarts: only the newest tuning is opened. */
  #restarts = 0;
  #isRunning = false;
  /** Number of the current loop of steps: each start begins a new one. */
  #loop = 0;
  #work: Promise<void> = Promise.resolve();
  readonly #isPictureDue = pictureClock();
  readonly #rightByRank = new RightByRank();
  #links: string[] = [];

  /** Waits until a reader asks for the model. */
  constructor(state: State) {
    this.#state = state;
    const queued = (work: () => Promise<void>) => () => this.#queue(work);
    element("tiny-load").onclick = queued(() => this.#load());
    element("tiny-run").onclick = () => this.#interrupt(() => this.#turn());
    element("tiny-reset").onclick = () => this.restart(this.#state);
    element("tiny-merge").onclick = () => this.#queue(() => this.#merge(), sayMerged);
    element("tiny-look").onclick = queued(() => this.#look());
    element("tiny-lines").onchange = () => this.restart(this.#state);
  }

  /** Begins again with another state; before the model is loaded there is nothing to do. */
  restart(state: State): void {
    this.#state = state;
    this.#isRunning = false;
    const asked = ++this.#restarts;
    const isNewest = () => asked === this.#restarts && this.#remote;
    this.#interrupt(() => isNewest() ? this.#begin() : Promise.resolve());
  }

  /** Shows another site, or continues another prompt, between two steps of a training that runs. */
  show(state: State, speaks: boolean): void {
    this.#state = state;
    this.draw();
    if (speaks) this.#interrupt(() => this.#curves ? this.#speak() : Promise.resolve());
  }

  /** Draws again, in another size or in other colors. */
  draw(): void {
    if (this.#curves) drawTuning(this.#curves, this.#state.site);
  }

  #queue(work: () => Promise<void>, sayIt = say): void {
    this.#work = this.#work.then(work).catch((error) => {
      this.#setRunning(false);
      sayIt(`${(error as Error).message}.`);
    });
  }

  #interrupt(work: () => Promise<void>): void {
    this.#interrupts++;
    this.#queue(() => {
      this.#interrupts--;
      return work();
    });
  }

  async #load(): Promise<void> {
    if (this.#remote) return;
    say("Loading …");
    element("tiny-load").disabled = true;
    try {
      this.#files = await loadFiles();
    } finally {
      element("tiny-load").disabled = false;
    }
    this.#remote = new Remote();
    for (const [id, isHidden] of [["tiny-offer", true], ["tiny-stage", false]] as const) {
      element(id).hidden = isHidden;
    }
    element("tiny-run").focus(); // The keys' place is gone with the button.
    await this.#begin();
  }

  async #begin(): Promise<void> {
    await this.#open();
    await this.#stand();
  }

  async #open(): Promise<void> {
    this.#showNothing();
    const lines = element("tiny-lines").value.split("\n").map((line) => line.trim());
    const texts = lines.filter((line) => line !== ""), settings = tinySettingsOf(this.#state);
    const { textDevice: device } = this.#state, files = this.#files!;
    const request = { files, device, lines: texts, settings };
    this.#curves = new TuningCurves(...await this.#remote!.call("open", request));
    element("tiny-figures").hidden = false;
    this.draw();
  }

  /** None of a tuning's numbers is taken for those of the next. */
  #showNothing(): void {
    this.#curves = undefined;
    for (const id of ["tiny-actions", "tiny-figures"]) element(id).hidden = true;
    for (const id of ["tiny-numbers", "tiny-words", "tiny-merged"]) element(id).innerHTML = "";
    element("tiny-exact").querySelector("pre").textContent = "";
  }

  async #turn(): Promise<void> {
    if (this.#isRunning) return await this.#stand();
    if (!this.#curves?.canContinue) await this.#open();
    this.#setRunning(true);
    say("Learning …");
    element("tiny-merged").textContent = "";
    const loop = ++this.#loop;
    this.#queue(() => this.#advance(loop));
  }

  /** One step and its picture, and then the next: between two, a reader may ask for something else. */
  async #advance(loop: number): Promise<void> {
    if (!this.#isRunning || loop !== this.#loop) return;
    const curves = this.#curves!;
    curves.take(await this.#remote!.call("step"));
    if (this.#isPictureDue()) {
      this.draw();
      await this.#expect();
    }
    if (curves.canContinue) this.#queue(() => this.#advance(loop));
    else await this.#stand();
  }

  /** Stops, speaks, and offers what was learned. */
  async #stand(): Promise<void> {
    this.#setRunning(false);
    this.draw();
    const { steps } = this.#curves!;
    say(tuningText(this.#curves!) + this.#rightByRank.take(this.#curves!));
    element("tiny-actions").hidden = steps === 0;
    if (steps > 0) await this.#link();
    await this.#speak();
  }

  /** Shows which token comes next, in the base and now. */
  async #expect(): Promise<void> {
    const { prompt } = this.#state;
    showNext(prompt, await this.#remote!.call("next", prompt));
  }

  async #speak(): Promise<void> {
    const { prompt, textSeed } = this.#state, remote = this.#remote!;
    const spoken: Spoken[] = [];
    this.#tell(prompt, spoken);
    await this.#expect();
    for (let seed = textSeed; this.#interrupts === 0 && seed < textSeed + seeds; seed++) {
      const [base, student] = [
        await remote.call("speak", "base", prompt, seed),
        await remote.call("speak", "student", prompt, seed),
      ];
      spoken.push({ seed, base, student });
      this.#tell(prompt, spoken);
    }
  }

  /** Shows what was said, and all numbers. */
  #tell(prompt: string, spoken: readonly Spoken[]): void {
    showWords(prompt, spoken);
    const exact = tuningJson(this.#curves!, prompt, spoken);
    element("tiny-exact").querySelector("pre").textContent = exact;
  }

  /** The files of the adapter as links, which a browser saves. */
  async #link(): Promise<void> {
    this.#links.forEach((link) => URL.revokeObjectURL(link));
    const files = await this.#remote!.call("files");
    this.#links = ["adapter_config.json", "adapter_model.safetensors"].map((name) => {
      const link = URL.createObjectURL(files.find((file) => file.name === name)!);
      element(name).setAttribute("href", link);
      return link;
    });
  }

  async #merge(): Promise<void> {
    const { prompt, textSeed } = this.#state, remote = this.#remote!;
    const beside = await remote.call("speak", "student", prompt, textSeed);
    sayMerged(mergedText(await remote.call("merge", prompt), beside));
  }

  async #look(): Promise<void> {
    element("adapter").scrollIntoView();
    await showAdapter(await this.#remote!.call("files"));
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    const isOver = this.#curves && !this.#curves.canContinue;
    element("tiny-run").textContent = isRunning ? "Pause" : isOver ? "Learn again" : "Learn";
    element("tiny-merge").disabled = isRunning;
    element("tiny-look").disabled = isRunning;
  }
}

const say = (text: string): void => void (element("tiny-said").textContent = text);

/** Says what merging did below its button, in sight. */
function sayMerged(text: string): void {
  element("tiny-merged").textContent = text;
  element("tiny-merged").scrollIntoView({ block: "nearest" });
}
