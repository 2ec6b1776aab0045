/** What the command line knows of each method: its name for readers, its settings. @module */

import { bottleneckVariants, nonLinearities } from "../adapt/bottleneck/form.ts";
import { howMany } from "../core/how_many.ts";
import type { MethodKind, MethodSpec } from "../runs/mod.ts";
import type { Fields } from "./cases.ts";
import {
  counts,
  flag,
  moduleNames,
  names,
  number,
  numbersByName,
  oneOf,
  positive,
  type Rule,
  siteNames,
  tokens,
} from "./fields.ts";

/** What the command line knows of a method. */
interface MethodEntry {
  /** What a reader calls it, with its settings; an adapter that is trained further keeps its own, unsaid ones. */
  readonly title: (settings: Fields) => string;
  /** Its fields in a configuration. */
  readonly rules: Readonly<Record<string, Rule>>;
  /** Settings where none are given. */
  readonly defaults?: (settings: Fields) => Fields;
}

/** What the command line knows of a prefix method. */
const prefixEntry = (what: string): MethodEntry => ({
  title: ({ length }) =>
    `${what} of ${
      length === undefined ? "virtual tokens" : howMany(Number(length), "virtual token")
    }`,
  rules: { length: positive, modulesToSave: moduleNames },
  defaults: () => ({ length: 16 }),
});

/** Starts of LoRA that are computed from weights. */
const computedStarts: Readonly<Record<string, string>> = {
  pissa: "PiSSA",
  olora: "OLoRA",
  loftq: "LoftQ",
};

/** What the command line knows of LoRA. */
const lora: MethodEntry = {
  title: ({ rank, sites, targetModules, dora, rankStabilized, init }) => {
    const name = dora ? "DoRA" : rankStabilized ? "rsLoRA" : computedStarts[String(init)] ?? "LoRA";
    if (sites === undefined && targetModules === undefined) return name;
    return `${name} of rank ${rank} on ${[sites ?? targetModules].flat().join(", ")}`;
  },
  rules: {
    rank: positive,
    alpha: number,
    sites: siteNames,
    targetModules: names,
    dropout: number,
    rankStabilized: flag,
    rankPattern: numbersByName,
    alphaPattern: numbersByName,
    dora: flag,
    loraBias: flag,
    bias: oneOf("none", "all", "lora_only"),
    init: oneOf("kaiming", "gaussian", ...Object.keys(computedStarts)),
    modulesToSave: moduleNames,
    trainableTokens: tokens,
  },
  defaults: ({ sites, targetModules }) => {
    const isSelected = sites !== undefined || targetModules !== undefined;
    return { rank: 8, ...(isSelected ? {} : { sites: ["q", "v"] }) };
  },
};

/** What the command line knows of LoRA joined with a prefix. */
const joinedEntry = (prefix: MethodEntry): MethodEntry => ({
  title: (settings) => `${lora.title(settings)} and ${prefix.title(settings)}`,
  // The other starts of LoRA are computed from weights by injectors of their own.
  rules: { ...lora.rules, init: oneOf("kaiming", "gaussian"), ...prefix.rules },
  defaults: (settings) => ({ ...lora.defaults!(settings), ...prefix.defaults!(settings) }),
});

const embeddings = prefixEntry("embeddings"), states = prefixEntry("states");

/** What the command line knows of each method. */
export const methodEntries: { readonly [Kind in MethodKind]: MethodEntry } = {
  full: { title: () => "full fine-tuning", rules: {} },
  lora,
  bitfit: { title: () => "BitFit", rules: { modulesToSave: moduleNames } },
  "top-layers": {
    title: ({ layers }) =>
      layers === 1 ? "the top layer" : `the top ${layers === undefined ? "" : `${layers} `}layers`,
    rules: { layers: positive, modulesToSave: moduleNames },
    defaults: () => ({ layers: 2 }),
  },
  vera: {
    title: ({ rank }) => rank === undefined ? "VeRA" : `VeRA of rank ${rank}`,
    rules: {
      rank: positive,
      sites: siteNames,
      targetModules: names,
      dropout: number,
      dInitial: number,
      modulesToSave: moduleNames,
    },
    defaults: () => ({ rank: 256 }),
  },
  bottleneck: {
    title: ({ variant, size }) =>
      size === undefined ? "bottlenecks" : `${variant} bottlenecks of width ${size}`,
    rules: {
      variant: oneOf(...bottleneckVariants),
      size: positive,
      leaveOut: counts,
      nonLinearity: oneOf(...nonLinearities),
      init: oneOf("zero", "bert"),
      modulesToSave: moduleNames,
    },
    defaults: () => ({ variant: "houlsby", size: 16 }),
  },
  "prefix-embedding": embeddings,
  "prefix-layer": states,
  "prefix-tuning": prefixEntry("keys and values"),
  "lora+prefix-embedding": joinedEntry(embeddings),
  "lora+prefix-layer": joinedEntry(states),
};

/** What a reader calls a method. */
export const methodTitle = ({ kind, ...settings }: MethodSpec): string =>
  methodEntries[kind].title(settings);
