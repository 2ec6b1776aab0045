/** A claim as data, and its verdict. @module */

/** What the rule of a claim gave. */
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
  /** What the rule gave. */
  readonly verdict: Verdict;
}

/** A claim about an experiment's rows, the rule by which it is judged, and what is reported as found. */
export interface Claim<Rows> {
  /** What is claimed, in a sentence. */
  readonly text: string | ((rows: Rows) => string);
  /** The rule in words: `held when …`. */
  readonly rule: string;
  /** The rule: whether the claim holds for the rows. */
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
  /** What broke it with `--full`, quoted when it holds in a run with fewer seeds and ranks. */
  readonly brokenInFull?: string;
}

/** The same claims, judged on one part of the rows and named after it. */
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
    ? ` With --full it did not hold (quoted from decision 0013): ${brokenInFull}.`
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
