/** The results so far of a job of experiments, as a report and as data. @module */

import { terminalLine } from "../../src/core/errors.ts";
import { durationText } from "../../src/terminal/progress.ts";
import type { JudgedClaim, PendingSection, Report, Section } from "../../src/report/report.ts";

/** An experiment before it is run; its name is its section's id. */
export interface Planned extends Pick<Section, "title" | "question" | "source"> {
  /** Unique among all. */
  readonly name: string;
}

/** Results of an experiment. */
export type Found = Omit<Section, "id" | keyof Planned>;

/** An experiment with what it found, and the seconds that it took. */
type Finished = Section & Planned & { readonly seconds: number };

/** The words around the sections. */
export interface ReportWords
  extends Omit<Report, "sections" | "notice" | "isGrowing" | "downloads" | "message"> {
  /** The result of the whole, from the claims that were judged so far. */
  message?(claims: readonly JudgedClaim[]): string | undefined;
}

/** Keeps the results of the experiments of a job. */
export class JobRecord {
  readonly #chosen: readonly Planned[];
  readonly #all: readonly string[];
  readonly #words: ReportWords;
  readonly #started = performance.now();
  readonly #found = new Map<string, Finished>();
  readonly #errors = new Map<string, Error>();
  #running?: string;
  #left?: string;
  #hasEnded = false;

  /** Takes the experiments that were asked for, the names of all that there are, and words. */
  constructor(chosen: readonly Planned[], all: readonly string[], words: ReportWords) {
    this.#chosen = chosen;
    this.#all = all;
    this.#words = words;
  }

  /** An experiment is under way; `left` is how long all will take, where that is known. */
  begin(name: string, left?: string): void {
    this.#running = name;
    this.#left = left;
  }

  /** It has found this. */
  add({ name, title, question, source }: Planned, found: Found, ms: number): void {
    const seconds = Number((ms / 1000).toFixed(1));
    this.#found.set(name, { id: name, name, title, question, source, ...found, seconds });
  }

  /** It has failed. */
  fail(name: string, error: Error): void {
    this.#errors.set(name, error);
  }

  /** No experiment follows. */
  end(): void {
    this.#hasEnded = true;
  }

  /** The errors of those that failed. */
  get errors(): readonly Error[] {
    return [...this.#errors.values()];
  }

  /** True once every existing experiment has been finished. */
  get isWhole(): boolean {
    return this.#missing.length === 0;
  }

  /** The reason that something is missing; undefined for a whole report. */
  get partial(): string | undefined {
    if (this.isWhole) return undefined;
    const failed = Array.from(this.#errors, ([name, { message }]) => `${name} failed (${message})`);
    const isCut = this.#found.size < this.#chosen.length;
    const cut = this.#hasEnded ? "stopped before it was finished" : "still running";
    const why = failed.join(", ") || (isCut ? cut : "by --only");
    const count = `${this.#missing.length} of ${this.#all.length} experiments`;
    return terminalLine(`${why}; without ${count}, which partial.json lists as missing`);
  }

  /** The page. */
  report(): Report {
    const sections = this.#chosen.map((one) => this.#found.get(one.name) ?? this.#pending(one));
    const data = JSON.stringify(this.data());
    const downloads = [{ name: "results.json", type: "application/json", text: data }];
    const facts = this.#allFacts().filter(([name]) => name !== "partial");
    return {
      ...this.#words,
      message: this.#words.message?.(this.#claims),
      facts,
      sections,
      downloads,
      notice: this.#notice(),
      isGrowing: !this.#hasEnded,
    };
  }

  /** The file. */
  data(): unknown {
    const results = Array.from(this.#found.values(), (found) => {
      const { name, title, source, settings, seconds, findings, tables } = found;
      return { name, title, source, settings, seconds, findings, tables };
    });
    return { facts: Object.fromEntries(this.#allFacts()), missing: this.#missing, results };
  }

  get #claims(): JudgedClaim[] {
    return [...this.#found.values()].flatMap(({ findings }) => findings);
  }

  get #missing(): string[] {
    return this.#all.filter((name) => !this.#found.has(name));
  }

  #allFacts(): (readonly [name: string, value: string])[] {
    const { partial } = this, now = new Date().toISOString().slice(0, 16).replace("T", " ");
    const made = [
      "made",
      `${now} UTC in ${durationText(performance.now() - this.#started)}`,
    ] as const;
    return [...this.#words.facts, made, ...(partial ? [["partial", partial] as const] : [])];
  }

  #pending({ name, title, question }: Planned): PendingSection {
    const state = this.#errors.has(name)
      ? `failed: ${this.#errors.get(name)!.message}`
      : this.#hasEnded
      ? "not finished"
      : name === this.#running
      ? "running"
      : "waiting";
    return { id: name, title, question, state };
  }

  #notice(): string | undefined {
    const { partial } = this, done = this.#found.size, all = this.#chosen.length;
    if (this.#hasEnded && done === all && this.#errors.size === 0) {
      return partial && `Only a part, by --only: ${done} of ${this.#all.length} experiments.`;
    }
    if (this.#hasEnded) return partial && `Only a part: ${partial}.`;
    const left = this.#left === undefined ? "" : `, ${this.#left} left`;
    return `Still running: ${done} of ${all} experiments are done at ` +
      `${
        new Date().toISOString().slice(11, 19)
      } UTC${left}. This page reloads itself while the job runs.`;
  }
}
