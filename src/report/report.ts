/** What a report is made of. @module */

import type { DataTable, Figure } from "../figures/figure.ts";
import type { Picture } from "../figures/pictures.ts";
import type { Download } from "../figures/show.ts";

/** A claim with its rule, what was found, and the verdict, as texts. */
export interface JudgedClaim {
  /** The claim. */
  readonly claim: string;
  /** The rule for its verdict, written before the run unless it was `corrected`. */
  readonly rule: string;
  /** What was found, as far as `ours` does not say it; may be empty. */
  readonly found: string;
  /** What the rule gave. */
  readonly verdict: string;
  /** Whether the paper makes no such claim: it is listed apart and not counted with the paper's. */
  readonly beyond?: boolean;
  /** What the paper prints, in a few words. */
  readonly printed?: string;
  /** What was found, in a few words; claims that have this are listed on the first screen. */
  readonly ours?: string;
  /** The paper's own sentence, with its place. */
  readonly quote?: string;
  /** Why it came out so, or how little it says, in a sentence or two; a guess says that it is one. */
  readonly note?: string;
  /** When and where the rule was corrected after a run: `2026-11-26, decision 0012`. */
  readonly corrected?: string;
}

/** One experiment in a report. */
export interface Section {
  /** Unique in the report; also the anchor. */
  readonly id: string;
  /** Heading. */
  readonly title: string;
  /** Its question. */
  readonly question: string;
  /** The place in the paper. */
  readonly source: string;
  /** What was run. */
  readonly settings: string;
  /** Its claims. */
  readonly findings: readonly JudgedClaim[];
  /** Its tables. */
  readonly tables: readonly DataTable[];
  /** Its figures. */
  readonly figures: readonly Figure[];
}

/** An experiment without results. */
export interface PendingSection extends Pick<Section, "id" | "title" | "question"> {
  /** Why there are none: `waiting`, `running`. */
  readonly state: string;
}

/** A word with its meaning. */
export type Meaning = readonly [word: string, meaning: string];

/** The content of a page. */
export interface Report {
  /** Heading. */
  readonly title: string;
  /** What it is about, in one paragraph. */
  readonly lead?: string;
  /** What it is about, drawn. */
  readonly picture?: Picture;
  /** How it was made: device, seeds, time. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Its sections, in the order shown. */
  readonly sections: readonly (Section | PendingSection)[];
  /** What a reader must know first: that it is still being written, or is only a part. */
  readonly notice?: string;
  /** Whether it is still being written: the page then reloads itself. Default false. */
  readonly isGrowing?: boolean;
  /** What the verdicts mean. */
  readonly verdicts?: readonly Meaning[];
  /** What other words mean. */
  readonly terms?: readonly Meaning[];
  /** How to cite it, as BibTeX. */
  readonly citation?: Download;
  /** Files to save beside the tables. */
  readonly downloads?: readonly Download[];
}

/** Whether there are results. */
export function isDone(section: Section | PendingSection): section is Section {
  return !("state" in section);
}

/** The anchor of a section's n-th claim, from 0. */
export const claimId = (section: string, n: number): string => `${section}-claim-${n + 1}`;

/** How many claims have each verdict, in the order in which the verdicts are explained. */
export function countVerdicts(
  findings: readonly JudgedClaim[],
  verdicts: readonly Meaning[] = [],
): [verdict: string, count: number][] {
  const found = Map.groupBy(findings, ({ verdict }) => verdict);
  const names = new Set([...verdicts.map(([word]) => word), ...found.keys()]);
  return [...names].flatMap((name) => {
    const count = found.get(name)?.length;
    return count === undefined ? [] : [[name, count]];
  });
}
