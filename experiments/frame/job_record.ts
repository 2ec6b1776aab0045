/** What a job has found so far, as a report and as data. @module */

import { durationText } from "../../src/core/job_time.ts";
import { terminalLine } from "../../src/core/terminal_text.ts";
import type { PendingSection, Report, Section } from "../../src/figures/report.ts";
import { experiments } from "../registry.ts";
import type { Experiment, Outcome } from "./experiment.ts";
import { words } from "./report_words.ts";

/** An experiment with what it found, and the seconds that it took. */
export type Found = Experiment & Outcome & Section & { readonly seconds: number };

/** Keeps what the experiments of a job found. */
export class JobRecord {
  readonly #chosen: readonly Experiment[];
  readonly #facts: Report["facts"];
  readonly #started = performance.now();
  readonly #found = new Map<string, Found>();
  readonly #errors = new Map<string, Error>();
  #running?: string;
  #hasEnded = false;

  /** Of the experiments that were asked for, with how they are run. */
  constructor(chosen: readonly Experiment[], facts: Report["facts"]) {
    this.#chosen = chosen;
    this.#facts = facts;
  }

  /** An experiment is under way. */
  begin(name: string): void {
    this.#running = name;
  }

  /** It has found this. */
  add(experiment: Experiment, outcome: Outcome, ms: number): Found {
    const { name } = experiment, seconds = Number((ms / 1000).toFixed(1));
    const found = { ...experiment, ...outcome, id: name, seconds };
    this.#found.set(name, found);
    return found;
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

  /** Whether every experiment that there is has been finished. */
  get isWhole(): boolean {
    return this.#missing.length === 0;
  }

  /** Why something is missing; undefined for a whole report. */
  get partial(): string | undefined {
    if (this.isWhole) return undefined;
    const failed = Array.from(this.#errors, ([name, { message }]) => `${name} failed (${message})`);
    const isCut = this.#found.size < this.#chosen.length;
    const cut = this.#hasEnded ? "stopped before it was finished" : "still running";
    const why = failed.join(", ") || (isCut ? cut : "by --only");
    return terminalLine(`${why}; without ${this.#missing.join(", ")}`);
  }

  /** The page. */
  report(): Report {
    const sections = this.#chosen.map((one) => this.#found.get(one.name) ?? this.#pending(one));
    const data = JSON.stringify(this.data());
    const downloads = [{ name: "results.json", type: "application/json", text: data }];
    const facts = this.#allFacts().filter(([name]) => name !== "partial");
    return {
      ...words,
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

  get #missing(): string[] {
    return experiments.map(({ name }) => name).filter((name) => !this.#found.has(name));
  }

  #allFacts(): (readonly [name: string, value: string])[] {
    const { partial } = this, now = new Date().toISOString().slice(0, 16).replace("T", " ");
    const made = [
      "made",
      `${now} UTC in ${durationText(performance.now() - this.#started)}`,
    ] as const;
    return [...this.#facts, made, ...(partial ? [["partial", partial] as const] : [])];
  }

  #pending({ name, title, question }: Experiment): PendingSection {
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
    if (this.#hasEnded) return partial && `Only a part: ${partial}.`;
    return `Still running: ${done} of ${all} experiments are done at ` +
      `${new Date().toISOString().slice(11, 19)} UTC. This page reloads itself while the job runs.`;
  }
}
