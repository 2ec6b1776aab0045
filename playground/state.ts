/** The state of the page, which its address holds: `#rank=4&rate=0.02`. @module */

import { models } from "./memory.ts";
import { stops } from "./path.ts";
import { type LessonSettings, lessonSettings, lessonStarts } from "../src/lesson/lesson.ts";
import type { TinySettings } from "./tiny/settings.ts";

/** A reader's choices. */
export interface State extends LessonSettings {
  /** Steps between two frames. */
  readonly pace: number;
  /** Steps that are taken when the page opens. */
  readonly steps: number;
  /** r of a second run, which is trained and drawn beside the first; 0 is none. */
  readonly beside: number;
  /** Stop of the guided path; 0 is none. */
  readonly stop: number;
  /** The device that computes. */
  readonly device: "cpu" | "webgpu" | "reference";
  /** A model of the catalog. */
  readonly model: string;
  /** r, and where, of the model whose memory is counted. */
  readonly modelRank: number;
  readonly sites: string;
  readonly dtype: "F32" | "BF16" | "nf4";
  readonly batch: number;
  readonly length: number;
  /** Settings of the tiny GPT-2's training. */
  readonly textRank: number;
  readonly textAlpha: number;
  readonly textRate: number;
  readonly textSteps: number;
  readonly textSeed: number;
  /** The device of the tiny GPT-2. */
  readonly textDevice: "cpu" | "webgpu";
  /** The adapted site whose spectrum is drawn, by its place. */
  readonly site: number;
  /** The prompt that the tiny GPT-2 continues. */
  readonly prompt: string;
  /** Parts and handles that the page hides, with commas between. */
  readonly hide: string;
}

/** The values that a setting can have: those of its handle. */
export const choices = {
  width: [2, 16],
  shiftRank: [1, 2, 3, 4, 6, 8],
  rank: [1, 2, 3, 4, 6, 8, 12, 16],
  alpha: [0.5, 1, 2, 4, 8, 16, 32, 64],
  learningRate: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
  start: lessonStarts,
  spread: [1, 2, 4, 8, 16],
  seed: Array.from({ length: 20 }, (_, i) => i + 1),
  beside: [0, 1, 2, 3, 4, 6, 8, 12, 16],
  stop: Array.from({ length: stops.length + 1 }, (_, i) => i),
  pace: [1, 2, 4, 8],
  device: ["cpu", "webgpu", "reference"],
  model: models,
  modelRank: [1, 2, 4, 8, 16, 32, 64, 128],
  sites: ["q,v", "q,k,v,o", "all-linear"],
  dtype: ["F32", "BF16", "nf4"],
  batch: [1, 2, 4, 8, 16, 32],
  length: [64, 128, 256, 512, 1024],
  textRank: [1, 2, 4, 8, 16, 32, 64],
  textAlpha: [1, 2, 4, 8, 16, 32, 64],
  textRate: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02],
  textSteps: [5, 10, 20, 40, 60, 80, 120, 200],
  textSeed: Array.from({ length: 20 }, (_, i) => i + 1),
  textDevice: ["cpu", "webgpu"],
  site: [0, 1, 2, 3],
} as const satisfies Partial<Record<keyof State, readonly (string | number)[]>>;

/** Parts of the page that an address can hide. */
export const parts = ["path", "planted", "tiny", "memory", "adapter"] as const;

/** All that an address can hide: parts, and handles, which keep their values. */
export const hideable: readonly string[] = [
  ...parts,
  ...Object.keys(choices).filter((key) => key !== "stop"),
];

/** The state of a page that is opened without settings. */
export const initial: State = {
  ...lessonSettings(),
  ...{ pace: 1, steps: 0, beside: 0, stop: 0, device: "cpu" },
  ...{ model: "llama-2-7b", modelRank: 8, sites: "q,v", dtype: "F32", batch: 1, length: 128 },
  ...{ textRank: 8, textAlpha: 16, textRate: 0.005, textSteps: 120, textSeed: 1 },
  ...{ textDevice: "cpu", site: 3, prompt: "flp green:", hide: "" },
};

/** Characters of a prompt: more would leave no room for an answer. */
const longestPrompt = 60;

/** Steps after which a lesson ends: it has long learned what it can. */
export const mostSteps = 5000;

/** Reads an address; what it does not say, or wrongly, is as at its stop of the path, or as at first. */
export function parseState(hash: string): State {
  const entries = entriesOf(hash).flatMap(([key, text]) => {
    const value = valueOf(key, text);
    return value === undefined ? [] : [[key, value]];
  });
  const given: Partial<State> = Object.fromEntries(entries);
  return fitted({ ...stateAt(given.stop ?? 0, initial), ...given });
}

const entriesOf = (hash: string) => [...new URLSearchParams(hash.replace(/^#/, ""))];

/** Parts of an address that the page does not know: `rank=5`, `hide=header`. */
export function unknownIn(hash: string): string[] {
  return entriesOf(hash).flatMap(([key, text]) => {
    const said = text === "" ? key : `${key}=${text}`;
    if (key !== "hide") return valueOf(key, text) === undefined ? [said] : [];
    const names = text.split(",").filter((name) => name !== "" && !hideable.includes(name));
    return names.map((name) => `hide=${name}`);
  });
}

function valueOf(key: string, text: string): string | number | undefined {
  if (key === "steps") return Math.min(mostSteps, Math.max(0, Math.floor(Number(text)) || 0));
  if (key === "prompt") return text.slice(0, longestPrompt);
  if (key === "hide") return hiding(text.split(","));
  if (!Object.hasOwn(choices, key)) return undefined;
  const known: readonly (string | number)[] = choices[key as keyof typeof choices];
  return known.find((value) => String(value) === text);
}

/** Keeps the names that can be hidden, once each and in the order of the page. */
export const hiding = (names: readonly string[]): string =>
  hideable.filter((name) => names.includes(name)).join();

/** Names of what a state hides. */
export const hiddenIn = ({ hide }: State): readonly string[] => hide.split(",");

/** No rank is above the width. */
export function fitted(state: State): State {
  const { width, rank, shiftRank, beside } = state;
  const within = (rank: number) => Math.min(rank, width);
  return { ...state, rank: within(rank), shiftRank: within(shiftRank), beside: within(beside) };
}

/** The address of a state: its stop of the path, and what differs there or from the first. */
export function formatState(state: State): string {
  const known = { ...stateAt(state.stop, initial), stop: initial.stop };
  const changed = Object.entries(state)
    .filter(([key, value]) => value !== known[key as keyof State])
    .map(([key, value]) => [key, String(value)]);
  const text = new URLSearchParams(changed).toString().replaceAll("%2C", ",");
  return text === "" ? "" : `#${text}`;
}

/** The settings of the lesson alone. */
export function settingsOf(state: State): LessonSettings {
  const { width, shiftRank, rank, alpha, learningRate, start, spread, seed } = state;
  return { width, shiftRank, rank, alpha, learningRate, start, spread, seed };
}

/** The settings of the tiny GPT-2 alone. */
export function tinySettingsOf(state: State): TinySettings {
  const { textRank: rank, textAlpha: alpha, textRate: learningRate } = state;
  return { rank, alpha, learningRate, steps: state.textSteps, seed: state.textSeed };
}

/** The state of a stop: its settings, and the first ones for what it does not say. */
export function stateAt(stop: number, state: State): State {
  const { settings = {}, steps: taken = 0 } = stops[stop - 1] ?? {};
  const own = { ...settingsOf(initial), beside: 0, ...settings };
  return { ...state, ...own, steps: taken, stop };
}
