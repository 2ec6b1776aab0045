/** A claim as data, and its verdict. @module */

import type { Bar, Headline, JudgedClaim } from "../report/report.ts";
import { deciding, isDecided, type Margin, narrowNote, powerNote } from "./margin.ts";

export type { Bar, Headline, JudgedClaim };

/** The verdict where what was timed, done twice, took different times. */
export const notQuiet = "not judged: the machine was not quiet";

/** The verdict where times are so near to a rule's mark that they cannot tell on which side they are. */
export const tooNear = "not judged: too near the mark";

/** The verdict where so few rounds were timed that their ratios have no interval. */
export const tooFew = "not judged: too few rounds were timed";

/** The outcome of a rule: true if the claim holds, or the reason why that cannot be told. */
export type Judgment = boolean | typeof notQuiet | typeof tooNear | typeof tooFew;

/**
 * Result of a claim's rule: the first four for a claim of the paper, the next two for one beyond
 * it, the others, where there is no result, for either.
 */
export type Verdict =
  | "reproduced"
  | "not reproduced"
  | "not reproduced at this scale"
  | "differs"
  | "holds"
  | "does not hold"
  | "not judged (quick run)"
  | typeof notQuiet
  | typeof tooNear
  | typeof tooFew;

/** A claim that has been judged, with one of our verdicts. */
export interface Finding extends JudgedClaim {
  /** Result of the rule. */
  readonly verdict: Verdict;
  /** The number that matters most, in a few words. */
  readonly ours: string;
}

/** Numbers that the paper prints, in the shape that a rule reads. */
export interface PrintedCase<Rows> {
  /** Place in the paper: `table 5: WikiSQL`. */
  readonly where: string;
  /** Rows, as if an experiment had measured them. */
  readonly rows: Rows;
}

/** A claim about an experiment's rows, the rule by which it is judged, and what is reported as found. */
export interface Claim<Rows>
  extends Pick<Finding, "beyond" | "printed" | "quote" | "corrected" | "topic"> {
  /** The claim in a sentence. */
  readonly text: string | ((rows: Rows) => string);
  /** The rule in words: `when …`, which follows `reproduced` or, beyond the paper, `holds`. */
  readonly rule: string;
  /** The rule: whether the claim holds for the rows, or why times cannot tell. */
  holds(rows: Rows): Judgment;
  /** The number that matters most, in a few words. */
  ours(rows: Rows): string;
  /** Other numbers that the rule reads, in sentences. */
  found?(rows: Rows): string;
  /**
   * True if it depends on scale, so that a larger model or a longer training may decide otherwise:
   * broken it reads `not reproduced at this scale`, and a quick run does not judge it. Default
   * false: broken it reads `not reproduced`.
   */
  readonly scale?: boolean;
  /**
   * Distance from the mark, for a claim that depends on scale, on a base that knows what its task
   * is made of: broken by more than the noise it reads `not reproduced`, else how many seeds would
   * decide is said.
   */
  margin?(rows: Rows): Margin;
  /** True if it is about a number that the paper prints: broken it reads `differs`. */
  readonly exact?: boolean;
  /** True if a quick run judges it. Default: unless it depends on scale. */
  readonly quick?: boolean;
  /** Reason for a broken claim: as far as it was tested, or with "a guess:" before it. */
  readonly why?: string;
  /**
   * The kind of that reason, for a claim that depends on scale: a base that knows too little, or too few steps or
   * seeds. Default: it is not known, unless `margin` shows that the seeds are too few.
   */
  readonly cause?: "base" | "steps" | "power";
  /** Its row in the table of what matters most, with its numbers. */
  readonly headline?: Omit<Headline, "bars"> & { bars?(rows: Rows): readonly Bar[] };
  /** Note for a reader in either case, such as how little it takes to hold. */
  readonly note?: string;
  /**
   * The paper's own numbers, on which the rule is tried before it judges ours; or why it is not tried on any, after a
   * semicolon. They pass, unless the claim is `exact`. A claim beyond the paper has none.
   */
  readonly paper?: readonly PrintedCase<Rows>[] | string;
  /**
   * Cases that the rule has to fail: those that are otherwise according to the paper, or chance.
   */
  readonly contrary?: readonly PrintedCase<Rows>[];
  /**
   * Numbers that broke it with `--full`: it does not hold then, even where a run with fewer seeds and ranks finds that
   * it does, and these are quoted there.
   */
  readonly brokenInFull?: string;
}

/** A claim whose paper's numbers have been tried: what they gave is in words. */
export type NotedClaim<Rows = unknown> =
  & Omit<Claim<Rows>, "paper" | "contrary">
  & { readonly paper?: string };

/** The claim, judged on what `read` makes of other rows. */
export function claimOn<Part, Rows = unknown>(
  claim: Claim<Part>,
  read: (rows: Rows) => Part,
): NotedClaim<Rows> {
  const { paper: _, contrary: __, headline, ...words } = claim;
  return {
    ...words,
    paper: paperNote(claim),
    headline: headline && { ...headline, bars: (rows) => headline.bars?.(read(rows)) ?? [] },
    text: (rows) => textOf(claim, read(rows)),
    holds: (rows) => claim.holds(read(rows)),
    ours: (rows) => claim.ours(read(rows)),
    found: claim.found && ((rows) => claim.found!(read(rows))),
    margin: claim.margin && ((rows) => claim.margin!(read(rows))),
  };
}

/**
 * The same claims, judged on one part of the rows and named after it; with `beyond`, on a part where the
 * paper makes no such claim.
 */
export const claimsIn = <Part>(
  name: string,
  claims: readonly Claim<Part>[],
  part: Part,
  beyond = false,
): NotedClaim[] =>
  claims.map((claim) => {
    const { printed, quote, why, note, paper, headline, ...words } = claimOn(claim, () => part);
    const own = beyond ? { beyond } : { printed, quote, why, note, paper, headline };
    return { ...words, ...own, text: `${textOf(claim, part)} (in ${name})` };
  });

/** Applies a claim's rule to rows; `quick` says that they are of a quick run. */
export function judge<Rows>(claim: Claim<Rows>, rows: Rows, quick: boolean): Finding {
  const { brokenInFull, beyond, printed, quote, corrected, topic } = claim;
  const tried = paperNote(claim);
  const rule = `${beyond ? "holds" : "reproduced"} ${claim.rule}${tried ? `; ${tried}` : ""}`;
  const verdict = verdictOf(claim, rows, quick);
  const full = brokenInFull !== undefined && verdict === "does not hold" && claim.holds(rows)
    ? `In this run it holds; with --full it did not (quoted from decision 0013): ${brokenInFull}.`
    : "";
  const words = {
    ...{ beyond, printed, quote, note: noteOf(claim, verdict), corrected, topic },
    headline: claim.headline && { ...claim.headline, bars: claim.headline.bars?.(rows) },
    ...openness(claim, verdict, rows),
  };
  return {
    ...{
      claim: textOf(claim, rows),
      rule,
      found: [claim.found?.(rows), marginNote(verdict, claim.margin?.(rows)), full]
        .filter((one) => one).join(" "),
      verdict,
      ours: claim.ours(rows),
    },
    ...Object.fromEntries(Object.entries(words).filter(([, word]) => word !== undefined)),
  };
}

function marginNote(verdict: Verdict, margin: Margin | undefined): string | undefined {
  if (verdict === "reproduced") return narrowNote(margin);
  return verdict.startsWith("not reproduced") ? powerNote(margin) : undefined;
}

/** The kind of reason that a claim could not be decided, and how many seeds would decide it. */
function openness<Rows>(
  claim: Claim<Rows>,
  verdict: Verdict,
  rows: Rows,
): Pick<JudgedClaim, "cause" | "power"> {
  if (verdict === "not judged (quick run)") return { cause: "quick" };
  if (verdict.startsWith("not judged")) return { cause: "time" };
  if (verdict !== "not reproduced at this scale") return {};
  const margin = claim.margin?.(rows);
  if (margin && margin.beyond > 0) {
    const power = margin.seeds < 2 ? "one seed does not tell its noise" : deciding(margin);
    return { cause: "power", power };
  }
  const { cause = "unknown" } = claim;
  return cause === "power"
    ? { cause, power: "how many seeds would decide is not known" }
    : { cause };
}

/** Result of a rule for a {@link PrintedCase}. */
export interface TriedCase extends Pick<PrintedCase<unknown>, "where"> {
  /** Judgment of the rule. */
  readonly judgment: Judgment;
}

/** The fields of a claim with which its rule can be tried. */
export type TriedClaim<Rows> = Pick<Claim<Rows>, "paper" | "contrary" | "holds">;

/** Tries a rule on each of the paper's own numbers, and on those that it has to fail. */
export function onPaper<Rows>(
  { paper = [], contrary = [], holds }: TriedClaim<Rows>,
): { readonly own: readonly TriedCase[]; readonly contrary: readonly TriedCase[] } {
  const judge = (cases: readonly PrintedCase<Rows>[]): TriedCase[] =>
    cases.map(({ where, rows }) => ({ where, judgment: holds(rows) }));
  return { own: typeof paper === "string" ? [] : judge(paper), contrary: judge(contrary) };
}

/** The same in words: `the paper's own numbers pass it (table 5: WikiSQL)`; undefined where nothing is said of them. */
export function paperNote<Rows>(claim: TriedClaim<Rows>): string | undefined {
  if (typeof claim.paper === "string") return claim.paper;
  const { own, contrary } = onPaper(claim);
  const places = (tried: readonly TriedCase[], passes: boolean) =>
    placesOf(tried.filter(({ judgment }) => (judgment === true) === passes));
  const [pass, fail, rejected] = [places(own, true), places(own, false), places(contrary, false)];
  return [
    pass && `the paper's own numbers pass it (${pass})`,
    fail && `the paper's own numbers fail it (${fail})`,
    rejected && `what has to fail it does (${rejected})`,
  ].filter((part) => part).join(", ") || undefined;
}

/** `table 5: WikiSQL, MNLI; table 7`. */
function placesOf(tried: readonly TriedCase[]): string {
  const tables = Map.groupBy(tried.map(({ where }) => where.split(": ")), ([table]) => table);
  return Array.from(tables, ([table, own]) => {
    const parts = own.map(([, part]) => part).filter((part) => part);
    return parts.length > 0 ? `${table}: ${parts.join(", ")}` : table;
  }).join("; ");
}

const textOf = <Rows>({ text }: Claim<Rows>, rows: Rows): string =>
  typeof text === "string" ? text : text(rows);

/** The reason where the claim is broken, and what is said either way. */
function noteOf({ why, note }: Pick<Claim<never>, "why" | "note">, verdict: Verdict) {
  if (verdict === "not judged (quick run)") return undefined;
  const isBroken = !/^(reproduced|holds|not judged)/.test(verdict),
    said = isBroken ? [why, note] : [note];
  return said.filter((one) => one).join(" ") || undefined;
}

function verdictOf<Rows>(claim: Claim<Rows>, rows: Rows, isQuick: boolean): Verdict {
  const { scale = false, quick = !scale, beyond, exact, brokenInFull } = claim;
  if (isQuick && !quick) return "not judged (quick run)";
  const judgment = claim.holds(rows);
  if (typeof judgment === "string") return judgment;
  if (judgment) {
    if (brokenInFull !== undefined) return "does not hold";
    return beyond ? "holds" : "reproduced";
  }
  if (beyond) return "does not hold";
  if (exact) return "differs";
  return scale && !isDecided(claim.margin?.(rows))
    ? "not reproduced at this scale"
    : "not reproduced";
}
