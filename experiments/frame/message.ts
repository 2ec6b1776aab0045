/** The message of a report: topics of claims, causes of what stays open, and the sentence that says what was found. @module */

import { isGood, isJudged } from "../../src/figures/html.ts";
import type { JudgedClaim, Meaning } from "../../src/report/report.ts";

/** Topics of claims that are counted or measured on bytes and launches, without a model that has learned anything. */
const counted = [["counting", "Counting"], ["memory", "Memory"]] as const;

/** Topics of claims on models that were trained. */
const learned = [["quality", "Quality"], ["rank", "Rank"], ["directions", "Directions"]] as const;

const merged = ["latency", "Latency, merging"] as const;

/** All topics of the paper's claims, in the order of a report. */
export const topics: readonly Meaning[] = [...counted, ...learned, merged];

/** Causes for which a claim could not be decided. */
export const causes: readonly Meaning[] = [
  ["power", "No power: undecided until there are more seeds"],
  ["base", "The base is too small, or knows too little (a guess, where its section says so)"],
  ["steps", "Too few steps"],
  ["unknown", "No single cause is known; their sections say what was tried"],
  ["time", "Times that this machine could not tell apart"],
  ["quick", "A quick run has too few steps to judge"],
];

type Verdicts = Pick<JudgedClaim, "verdict" | "topic" | "beyond">;

/** Verdicts on some topics, counted. */
function tally(claims: readonly Verdicts[], names: readonly Meaning[]) {
  const judged = claims.filter(({ topic, verdict, beyond }) =>
    !beyond && isJudged(verdict) && names.some(([name]) => name === topic)
  );
  const of = (wanted: string) => judged.filter(({ verdict }) => verdict === wanted).length;
  return {
    all: judged.length,
    held: judged.filter(({ verdict }) => isGood(verdict)).length,
    differ: of("differs"),
    open: of("not reproduced at this scale"),
    failed: of("not reproduced"),
  };
}

type Tally = ReturnType<typeof tally>;

const numbers = (count: number) => count === 1 ? "1 printed number" : `${count} printed numbers`;

/** `, 18 are open at this scale, 1 failed`. */
function otherwise({ open, failed }: Tally): string {
  const parts = [
    ...(open > 0 ? [`${open} ${open === 1 ? "is" : "are"} open at this scale`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  return parts.map((part) => `, ${part}`).join("");
}

const reproduced = ({ held, all }: Tally, topics: string) =>
  `${held} of ${all} claims on ${topics} were reproduced`;

function countedHolds({ all, held, differ, open, failed }: Tally): string {
  if (held === all) return "holds";
  if (held === 0) return "does not hold";
  const isNearly = open + failed === 0 && held > differ;
  return isNearly ? `holds, but for ${numbers(differ)}` : "holds in part";
}

function ofCounted(found: Tally): string {
  return `What can be counted ${countedHolds(found)}: ${
    reproduced(found, "parameters, memory and latency")
  }${otherwise(found)}.`;
}

function ofLearned(found: Tally): string {
  const shown = found.held === found.all
    ? "small models show"
    : found.held === 0
    ? "small models do not show"
    : "small models show in part";
  return `What must be learned, ${shown}: ${reproduced(found, "quality, rank and directions")}${
    otherwise(found)
  }.`;
}

/** The paper's claims in two sentences, as they were judged; undefined where none was. */
export function messageOf(claims: readonly Verdicts[]): string | undefined {
  const said = [
    [ofCounted, tally(claims, [...counted, merged])],
    [ofLearned, tally(claims, learned)],
  ] as const;
  return said.filter(([, { all }]) => all > 0).map(([say, found]) => say(found)).join(" ") ||
    undefined;
}
