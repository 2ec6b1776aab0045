/** The contents of a report. @module */

import type { DataTable, Figure } from "../figures/figure.ts";
import type { Picture } from "../figures/pictures.ts";
import type { Download } from "../figures/show.ts";

/** One bar of a claim's small chart. */
export interface Bar {
  /** Name of what was measured, in a word or two. */
  readonly label: string;
  /** Length of the bar; not negative. */
  readonly value: number;
  /** The value as a reader sees it. */
  readonly text: string;
  /** Any CSS color. Default: that of its name. */
  readonly color?: string;
}

/** The row of a claim in the table of what matters most. */
export interface Headline {
  /** Place in the table, from 1; claims of the same place share a row. */
  readonly place: number;
  /** The claim in the fewest words. */
  readonly row: string;
  /** Its numbers, as a small chart. */
  readonly bars?: readonly Bar[];
}

/** A claim with its rule, what was found, and the verdict, as texts. */
export interface JudgedClaim {
  /** The claim. */
  readonly claim: string;
  /** The rule for its verdict, written before the run unless it was `corrected`. */
  readonly rule: string;
  /** Result in words, as far as `ours` does not say it; may be empty. */
  readonly found: string;
  /** Result of the rule. */
  readonly verdict: string;
  /** True if the paper makes no such claim: it is listed apart and not counted with the paper's. */
  readonly beyond?: boolean;
  /** The paper's printed result, in a few words. */
  readonly printed?: string;
  /** Our result in a few words; claims that have this are listed on the first screen. */
  readonly ours?: string;
  /** The paper's own sentence, with its place. */
  readonly quote?: string;
  /**
   * Reason for the result, or how little it says, in a sentence or two; a guess says that it is
   * one.
   */
  readonly note?: string;
  /** Date and place of a correction of the rule after a run: `2026-11-26, decision 0012`. */
  readonly corrected?: string;
  /** Its topic, one of those that the report explains. */
  readonly topic?: string;
  /** Its row in the table of what matters most, if it has one. */
  readonly headline?: Headline;
  /** The kind of reason that it could not be decided, one of those that the report explains. */
  readonly cause?: string;
  /** The seeds that would decide it, where they are too few. */
  readonly power?: string;
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
  /** Settings of the run. */
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
  /** State of the missing results: `waiting`, `running`. */
  readonly state: string;
}

/** A word with its meaning. */
export type Meaning = readonly [word: string, meaning: string];

/** The content of a page. */
export interface Report {
  /** Heading. */
  readonly title: string;
  /** The result of the whole, in a sentence or two; then all about the subject is folded. */
  readonly message?: string;
  /** Subject of the report, in one paragraph. */
  readonly lead?: string;
  /** Picture of the subject. */
  readonly picture?: Picture;
  /** Facts of the run: device, seeds, time. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Its sections, in the order shown. */
  readonly sections: readonly (Section | PendingSection)[];
  /** Notice before everything else: that the report is still being written, or is only a part. */
  readonly notice?: string;
  /** True while it is still being written: the page then reloads itself. Default false. */
  readonly isGrowing?: boolean;
  /** Meanings of the verdicts. */
  readonly verdicts?: readonly Meaning[];
  /** Names of the topics of claims, in the order shown. */
  readonly topics?: readonly Meaning[];
  /** Names of the causes for which claims could not be decided, in the order shown. */
  readonly causes?: readonly Meaning[];
  /** Meanings of other words. */
  readonly terms?: readonly Meaning[];
  /** Its citation, as BibTeX. */
  readonly citation?: Download;
  /** Files to save beside the tables. */
  readonly downloads?: readonly Download[];
}

/** True if there are results. */
export function isDone(section: Section | PendingSection): section is Section {
  return !("state" in section);
}

/** The anchor of a section's n-th claim, from 0. */
export const claimId = (section: string, n: number): string => `${section}-claim-${n + 1}`;

/** The number of claims with each verdict, in the order in which the verdicts are explained. */
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
