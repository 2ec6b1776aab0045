/** A claim as data, and what it comes to. @module */

/** What a claim came to. */
export type Verdict =
  | "held"
  | "not held"
  | "not held at this scale"
  | "differs from the paper"
  | "not judged (quick run)";

/** A claim with its rule, what was found, and the verdict. */
export interface Finding {
  /** The claim. */
  readonly claim: string;
  /** The rule for its verdict, which was written before the run. */
  readonly rule: string;
  /** What was found. */
  readonly found: string;
  /** What the rule says of it. */
  readonly verdict: Verdict;
}

/** A claim about an experiment's rows, the rule by which it is judged, and how to tell what was found. */
export interface Claim<Rows> {
  /** What is claimed, in a sentence. */
  readonly text: string | ((rows: Rows) => string);
  /** When it counts as held, in words. */
  readonly rule: string;
  /** The rule: whether the rows keep the claim. */
  holds(rows: Rows): boolean;
  /** The numbers that the rule reads, in a sentence. */
  found(rows: Rows): string;
  /**
   * Whether it depends on scale, so that a larger model or a longer training may decide otherwise: broken
   * it reads `not held at this scale`, and a quick run does not judge it. Default false: broken it reads
   * `not held`.
   */
  readonly scale?: boolean;
  /** Whether it is about a number that the paper prints: broken it reads `differs from the paper`. */
  readonly printed?: boolean;
  /** Whether a quick run judges it. Default: unless it depends on scale. */
  readonly quick?: boolean;
  /** What broke it with `--full`, quoted beside a run with fewer seeds and ranks that keeps it. */
  readonly brokenInFull?: string;
}

/** The same claims as `claims` gives them, but judged on one part of the rows, whose name they say. */
export function claimsIn<Part>(
  name: string,
  claims: readonly Claim<Part>[],
  part: Part,
): Claim<unknown>[] {
  return claims.map((claim) => ({
    ...claim,
    text: `${typeof claim.text === "string" ? claim.text : claim.text(part)} (in ${name})`,
    holds: () => claim.holds(part),
    found: () => claim.found(part),
  }));
}

/** Applies a claim's rule to rows; `quick` says that they are of a quick run. */
export function judge<Rows>(claim: Claim<Rows>, rows: Rows, quick: boolean): Finding {
  const { text, rule, brokenInFull } = claim, verdict = verdictOf(claim, rows, quick);
  const quote = brokenInFull !== undefined && verdict === "held"
    ? ` Quoted from decision 0013: with --full not held, ${brokenInFull}.`
    : "";
  return {
    claim: typeof text === "string" ? text : text(rows),
    rule,
    found: claim.found(rows) + quote,
    verdict,
  };
}

function verdictOf<Rows>(claim: Claim<Rows>, rows: Rows, isQuick: boolean): Verdict {
  const { scale = false, printed = false, quick = !scale } = claim;
  if (isQuick && !quick) return "not judged (quick run)";
  if (claim.holds(rows)) return "held";
  if (printed) return "differs from the paper";
  return scale ? "not held at this scale" : "not held";
}
