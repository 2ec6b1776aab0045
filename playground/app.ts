/** The planted shift in the page: one lesson at a time, which runs, stops, merges and begins again. @module */

import { type Device, openDevice } from "../src/device/mod.ts";
import { openChosen } from "./chosen_device.ts";
import { element, page } from "./dom.ts";
import { type Lesson, type LessonReading, openLesson } from "../src/lesson/lesson.ts";
import { type MergedLesson, mergeLesson } from "../src/lesson/lesson.ts";
import { isAnswered } from "./path.ts";
import { mostSteps, settingsOf, type State } from "./state.ts";
import {
  exactText,
  mergedText,
  notFinite,
  numbersHtml,
  standingText,
  unmergedText,
} from "./views/words.ts";
import { pictureClock } from "./views/motion.ts";
import type { KeptRun } from "./views/charts.ts";
import { PlantedView } from "./views/planted.ts";

/** Runs lessons. What it does is queued, so that nothing is freed while it is used. */
export class App {
  /** Steps between two frames. */
  pace: number;
  /** The state of the lesson, and the newest that was asked for. */
  #state: State;
  #wanted: State;
  #device: Device | undefined;
  #lesson: Lesson | undefined;
  #beside: Lesson | undefined;
  #view: PlantedView | undefined;
  #reading: LessonReading | undefined;
  #merged: MergedLesson | undefined;
  #kept: KeptRun | undefined;
  #isRunning = false;
  /** Number of the current loop of pictures: each start begins a new one. */
  #loop = 0;
  #work: Promise<void> = Promise.resolve();
  readonly #isPictureDue = pictureClock();
  readonly #stopped: (steps: number) => void;

  /** Begins with a state; `stopped` is called with the steps done when a lesson stands still. */
  constructor(state: State, stopped: (steps: number) => void) {
    this.#state = this.#wanted = state;
    this.pace = state.pace;
    this.#stopped = stopped;
    element("run").onclick = () => this.#queueForLesson(() => this.#turn());
    element("step").onclick = () => this.#queueForLesson((lesson) => this.#takeOne(lesson));
    element("reset").onclick = () => this.restart({ ...this.#wanted, steps: 0 }, false);
    element("keep").onclick = () =>
      this.#queueForLesson(() => Promise.resolve(void (this.#kept = this.#view!.keep())));
    element("merge").onclick = () =>
      this.#queueForLesson((lesson) => this.#merged ? this.#unmerge() : this.#merge(lesson));
  }

  /** Begins again with another state, and goes on if it was running. */
  restart(state: State, run?: boolean): void {
    this.#wanted = state;
    this.#queue(async () => {
      if (state !== this.#wanted) return; // A newer one waits.
      await this.#open(state);
      if (run ?? this.#isRunning) this.#start();
      else this.#stand(this.#standing());
    });
  }

  /** Draws again, in another size or in other colors. */
  draw(): void {
    this.#view?.draw();
  }

  /** Queues a reader's action until the lesson has opened. */
  #queue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error) =>
      this.#stand(`${(error as Error).message}.`)
    );
  }

  /** Queues an action that needs a lesson: there is none while its device could not be opened. */
  #queueForLesson(work: (lesson: Lesson) => Promise<void>): void {
    this.#queue(() => this.#lesson ? work(this.#lesson) : Promise.resolve());
  }

  async #open(state: State): Promise<void> {
    await this.#close();
    if (!this.#device || state.device !== this.#state.device) await this.#openDevice(state);
    this.#state = state;
    const lesson = this.#lesson = await openLesson(this.#device!, settingsOf(state));
    if (state.beside > 0) {
      const settings = { ...settingsOf(state), rank: state.beside };
      this.#beside = await openLesson(this.#device!, settings);
    }
    element("figures").hidden = false;
    this.#view = new PlantedView(lesson.parts, this.#kept, this.#beside?.parts);
    await this.#advance(lesson, 0);
    const every = Math.ceil(state.steps / 100);
    for (let left = state.steps; left > 0; left -= every) {
      await this.#advance(lesson, Math.min(left, every));
    }
    this.#show();
  }

  /** Ends the lesson, so that none of its numbers is taken for those of the next. */
  async #close(): Promise<void> {
    await this.#unmerge(false);
    for (const lesson of [this.#lesson, this.#beside]) lesson?.[Symbol.dispose]();
    this.#lesson =
      this.#beside =
      this.#view =
      this.#reading =
        undefined;
  }

  async #openDevice({ device: kind }: State): Promise<void> {
    this.#device?.[Symbol.dispose]();
    this.#device = undefined;
    if (kind === "webgpu") element("said").textContent = "Opening the GPU …";
    this.#device = await openChosen(kind).catch((error) => otherwise(kind, error));
    element("computed-by").textContent = this.#device.description;
  }

  #turn(): Promise<void> {
    if (this.#isRunning) this.#stand(this.#standing());
    else this.#start();
    return Promise.resolve();
  }

  #start(): void {
    this.#setRunning(true);
    element("said").textContent = "";
    const loop = ++this.#loop;
    page.requestAnimationFrame(() => this.#frame(loop));
  }

  /** One picture: some steps, then what they have done. */
  #frame(loop: number): void {
    if (!this.#isRunning || loop !== this.#loop) return;
    this.#queueForLesson(async (lesson) => {
      await this.#advance(lesson, this.pace);
      if (this.#isPictureDue()) this.#show();
      if (this.#canContinue && !this.#isAnswered) {
        page.requestAnimationFrame(() => this.#frame(loop));
      } else this.#stand(this.#standing());
    });
  }

  async #takeOne(lesson: Lesson): Promise<void> {
    await this.#advance(lesson, 1);
    this.#stand(this.#standing());
  }

  async #advance(lesson: Lesson, steps: number): Promise<void> {
    await lesson.train(steps);
    await this.#beside?.train(steps);
    this.#reading = await lesson.read();
    this.#view!.take(this.#reading, await this.#beside?.read());
  }

  #show(): void {
    this.#view!.draw();
    element("numbers").innerHTML = numbersHtml(this.#reading!, this.#view!.beside);
  }

  get #canContinue(): boolean {
    return this.#isFinite && this.#reading!.steps < mostSteps;
  }

  /** True if a run at a stop has just come to its pause. */
  get #isAnswered(): boolean {
    return isAnswered(this.#state.stop, this.#reading!.steps, this.pace);
  }

  get #isFinite(): boolean {
    return Object.values(this.#reading!.loss).every(Number.isFinite);
  }

  /** Text at the end of the steps. */
  #standing(): string {
    if (!this.#reading || this.#reading.steps === 0) return "";
    return this.#isFinite ? standingText(this.#reading, this.#view?.beside) : notFinite;
  }

  /** Stops the pictures and says why, if there is something to say. */
  #stand(said: string): void {
    this.#setRunning(false);
    element("said").textContent = said;
    if (!this.#lesson || !this.#reading) return this.#showNothing();
    this.#show();
    const { description } = this.#device!, { beside } = this.#view!;
    const text = exactText(this.#lesson, this.#reading, description, beside);
    element("exact").querySelector("pre").textContent = text;
    this.#stopped(this.#lesson.steps);
  }

  #showNothing(): void {
    element("figures").hidden = true;
    element("numbers").innerHTML = "";
    element("exact").querySelector("pre").textContent = "";
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    element("run").textContent = isRunning ? "Pause" : "Start";
    element("run").disabled = !this.#lesson || !!this.#merged;
    element("step").disabled = !this.#lesson || isRunning || !!this.#merged;
    element("merge").disabled = !this.#lesson;
    element("merge").textContent = this.#merged ? "Unmerge" : "Merge";
  }

  async #merge(lesson: Lesson): Promise<void> {
    const merged = this.#merged = await mergeLesson(lesson);
    this.#view!.showMerged(merged.matrix);
    this.#stand(mergedText(merged));
  }

  async #unmerge(says = true): Promise<void> {
    const merged = this.#merged;
    if (!merged) return;
    this.#merged = undefined;
    const found = await merged.unmerge();
    this.#view!.showMerged();
    if (says) this.#stand(unmergedText(found));
  }
}

/** A browser may lack an instruction that the kernels need; the slow device needs none. */
function otherwise(kind: State["device"], error: Error): Promise<Device> {
  if (kind !== "cpu") throw error;
  return openDevice({ kind: "reference" });
}
