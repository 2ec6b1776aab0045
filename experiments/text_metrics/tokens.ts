/**
 * Penn Treebank tokens, as Stanford's tokenizer takes them, and the tokens of METEOR, ROUGE-L and
 * CIDEr, which coco-caption makes from them.
 *
 * @module
 */

import type { ReferencedOutput } from "../../src/data/mod.ts";
import { type ReferencedTokens, tokensOf } from "./referenced_output.ts";

// Rules.

/** A kind of token. */
export interface TokenRule {
  /** The token, and in a second group what must follow it; both count when the longest match is taken. */
  readonly pattern: RegExp;
  /** Rewrites the token. Default: as it stands. */
  readonly write?: (token: string) => string;
}

const letter = "[\\p{L}\\p{M}\\u00ad]", alphanumeric = "[\\p{L}\\p{M}\\d]";
const apostrophe = "['\\u2019\\u0092]", innerApostrophe = "['`\\u2018\\u2019\\u201b]";
const number = "(?:\\d+(?:[.:,]\\d+)*|(?:[.:,]\\d+)+)";
const space = "[ \\t\\u00a0\\u2000-\\u200a\\u3000]", blank = `(?:${space}|[\\r\\n])`;
/** Words, with periods and the like within: `here.It` is one. */
const word = `${letter}(?:${letter}|\\d)*(?:[.!?]${letter}(?:${letter}|\\d)*)*`;
/** `'s`, `'ll` and their like, which are tokens of their own. */
const ending = `${apostrophe}(?:re|ve|ll|[msd])`;
/** The first letter after an apostrophe of names: `d'Avignon-Ville`, `l'Orange`. */
const elision = `(?:[dol]${innerApostrophe}${alphanumeric})?`;
const acronym = "[a-z](?:\\.[a-z])+";

/** Abbreviations that keep their period. */
const abbreviations = [
  "jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu(?:rs)? fri",
  "ala ariz calif colo conn ct dak fla ga ind kans? ky md mich minn mo mont neb nev okla penn tenn va vt",
  "wisc? wyo inc cos? corp pp?t[ey]s? ltd plc rt bancorp bhd assn univ intl sys tel est ext sq jr bros",
  "(?:ed|ph)\\.d esq etc al seq bldg",
  "mrs? ms drs? profs? sens? reps? attys? lt col gen messrs govs? adm rev maj sgt cpl pvt capt ste? ave",
  "pres lieut hon brig co?mdr pfc spc supts? det mt ft adj adv asst assoc ens insp mlle mme msgr sfc sr",
  "vs alex wm jos cie a\\.k\\.a cf treas ph invt elec natl m[ft]g dept blvd rd",
].join(" ").replaceAll(" ", "|");
/** Abbreviations that keep their period before a number only. */
const beforeNumbers = "ca|figs?|prop|nos?|arts?|bldg|pp|op";
/** Abbreviations that are words, too, and keep their period only with a capital letter. */
const withCapital = "Az|Ark|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash";
/** Words that begin a sentence after an initial, so that its period ends one. */
const starts =
  "About|According|Additionally|After|An?|As|At|But|Did|During|Earlier|He|Here?|How|However|If|In|It|" +
  "Last|Many|More|Mr\\.|Ms\\.|Now|Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|" +
  "These|They|This|We|When|While|What|Who|Why|Yet|You";

const unspaced = (token: string) => token.replaceAll(" ", "\u00a0");
const bracketNames: Readonly<Record<string, string>> = {
  "(": "-LRB-",
  ")": "-RRB-",
  "[": "-LSB-",
  "]": "-RSB-",
  "{": "-LCB-",
  "}": "-RCB-",
};
const namedRound = (token: string) => token.replaceAll(/[()]/g, (bracket) => bracketNames[bracket]);
const fractions: Readonly<Record<string, string>> = { "¼": "1/4", "½": "1/2", "¾": "3/4" };
const euros = /[\u0080\u00a4\u20a0\u20ac]/g;
const currency = (token: string) =>
  token.replaceAll("¢", "cents").replaceAll("£", "#").replaceAll(euros, "$");

const apostrophesOf = (token: string) => token.replaceAll(/[\u0092\u2019]/g, "'");
const quotesOf = (token: string) =>
  apostrophesOf(token).replaceAll(/[\u0091\u2018\u201b\u2039]/g, "`").replaceAll("\u203a", "'")
    .replaceAll(/[\u0093\u201c\u00ab]/g, "``").replaceAll(/[\u0094\u201d\u00bb]/g, "''")
    .replaceAll('"', "''");

/** A rule; letters match in either case unless it is said. */
const rule = (
  token: string,
  { next = "", write, flags = "iu" }: {
    next?: string;
    write?: TokenRule["write"];
    flags?: string;
  } = {},
): TokenRule => ({ pattern: new RegExp(`(${token})(${next})`, `${flags}y`), write });

/** All kinds of tokens; of two that match equally much, the earlier one is taken. */
const tokenRules: readonly TokenRule[] = [
  rule("c\\+\\+|[cf]#"),
  rule("can", { next: "not" }),
  rule("'t", { next: "was" }),
  rule(`${apostrophe}t`, { next: "is", write: apostrophesOf }),
  rule("gon", { next: "na" }),
  rule("got", { next: "ta" }),
  rule("lem|gim", { next: "me" }),
  rule("wan", { next: "na" }),
  rule("<\\/?[A-Za-z!?][^>\\r\\n]*>", { write: unspaced }),
  rule("&(?:md|mdash|ndash);|[\\u0096\\u0097\\u2013-\\u2015]", { write: () => "--" }),
  rule("&amp;", { write: () => "&" }),
  rule("&nbsp;", { write: () => "" }),
  rule(word, { next: ending }),
  rule("[a-z\\u00ad]*[a-mo-z]\\u00ad*", { next: `n${innerApostrophe}t` }),
  rule(word),
  rule(
    `${apostrophe}n${apostrophe}?|[ldj]${apostrophe}|(?:dunkin|somethin|ol)${apostrophe}|` +
      `${apostrophe}em|${apostrophe}[2-9]0s|${apostrophe}till?|${apostrophe}cause|cont'd\\.?|` +
      "nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l|cap'n|c'est",
    { write: apostrophesOf },
  ),
  rule(`[A-HJ-XZn]${innerApostrophe}\\p{L}{2,}`, { write: apostrophesOf, flags: "u" }),
  rule(`\\p{L}+[aeiouyAEIOUY]${innerApostrophe}[aeiouA-Z]\\p{L}*`, {
    write: apostrophesOf,
    flags: "u",
  }),
  rule(`y${apostrophe}`, { next: "\\p{L}" }),
  rule('(?:https?|ftp):\\/\\/[^\\s"<>|(){}]+[^\\s"\'<>|.!?(){},;:&-]'),
  rule(
    '(?:www\\.(?:[^\\s"<>|.!?(){},]+\\.)+[a-z]{2,4}|(?:[a-z\\d]+\\.)+(?:com|net|org|edu))' +
      '(?:\\/[^\\s"<>|()]+[^\\s"<>|.!?(){},-])?',
  ),
  rule("[a-z\\d][a-z\\d._%+-]*@(?:[a-z\\d-]+\\.)*[a-z\\d-]+"),
  rule("[@#][a-z_]\\w*", { next: "(?![\\p{L}])" }),
  rule(ending, { next: "[^A-Za-z]", write: quotesOf }),
  rule(`n${innerApostrophe}t`, { next: "[^A-Za-z]", write: quotesOf }),
  rule("\\d{1,2}[-/]\\d{1,2}[-/]\\d{2,4}"),
  rule(`[-+]?${number}`),
  rule("(?:\\d{1,4}[- \\u00a0])?\\d{1,4}[/\\u2044]\\d{1,4}", { write: unspaced }),
  rule("[¼½¾]", { write: (token) => fractions[token] }),
  rule("[\\p{L}\\d]+(?:-\\p{L}+){0,2}(?:\\/[\\p{L}\\d]+(?:-\\p{L}+){0,2}){1,2}"),
  rule("[A-Z]*\\$|#", { flags: "u" }),
  rule("[\\u00a2-\\u00a5\\u0080\\u20a0\\u20ac\\u20a4]", { write: currency }),
  rule("[a-z]", { next: `\\.${blank}+(?:${starts})(?:${blank}|[?!])`, flags: "u" }),
  rule("[A-Z]", { next: `\\.${blank}+(?:${starts})(?:${blank}|[?!])`, flags: "u" }),
  rule(`(?:${beforeNumbers})\\.`, { next: `${blank}?\\d` }),
  rule(`(?:${abbreviations}|${acronym}|[a-z])\\.`),
  rule(`(?:${withCapital})\\.`, { flags: "u" }),
  rule("'\\d\\d", { next: blank }),
  rule(`${word}\\.`, { next: "[,;:\\u3001]" }),
  rule(
    "(?:\\(\\d{2,3}\\)[ \\u00a0]?|\\+{0,2}(?:\\d{2,4}[- \\u00a0])?\\d{2,4}[- \\u00a0])" +
      "\\d{3,4}[- \\u00a0]?\\d{3,5}|(?:\\+{0,2}\\d{2,4}\\.)?\\d{2,4}\\.\\d{3,4}\\.\\d{3,5}",
    { write: (token) => unspaced(namedRound(token)) },
  ),
  rule('"|&quot;', { next: "[A-Za-z\\d$]", write: () => "``" }),
  rule("\"|&quot;|[`'\\u2018\\u2019]'", { write: () => "''" }),
  rule("<|&lt;", { write: () => "<" }),
  rule(">|&gt;", { write: () => ">" }),
  rule("[<>]?[:;=][-o*']?[()dpo\\\\{@|[\\]]", { next: "[^A-Za-z\\d]", write: namedRound }),
  rule("[()[\\]{}]", { write: (token) => bracketNames[token] }),
  rule("---?-?", { next: "(?!-)", write: () => "--" }),
  rule("-+"),
  rule("\\.{3,}|[\\u0085\\u2026]|\\.[ \\u00a0](?:\\.[ \\u00a0])+\\.", { write: () => "..." }),
  rule("@+|#+|_+|\\*+|[?!]+"),
  rule("[,;:.¡¿=/\\u3001\\u3002]"),
  rule(`[a-z\\d][a-z\\d.,\\u00ad]*(?:-(?:${acronym}\\.|[a-z\\d\\u00ad]+(?:\\.\\d+)?))+`),
  rule(
    `${elision}(?:[\\p{L}\\d]+|[-+]?${number})(?:[-_\\u2010\\u2011]${elision}(?:[\\p{L}\\d]+|${number}))*`,
  ),
  rule("[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+", {
    write: (token) => token.replaceAll(/&amp;/gi, "&"),
    flags: "u",
  }),
  rule("'", { next: "[A-Za-z][^ \\t\\n\\r\\u00a0]", write: () => "`" }),
  rule(ending, { write: quotesOf }),
  rule(`${apostrophe}|[\`\\u2018-\\u201f\\u2039\\u203a\\u00ab\\u00bb\\u0091-\\u0094]{1,2}`, {
    write: quotesOf,
  }),
  rule("<<|>>"),
  rule("[+%&~^|\\\\¦§¨©¬®¯°-³´-º×÷\\u2016-\\u2023\\u2030-\\u2038\\u2100-\\u214f\\u2190-\\u2bff]"),
];

// Penn Treebank tokens.

/** A word between spaces that is a token whatever the rules say, and those that are two. */
const plainWord = /([A-Za-z]+) /y, twofold = /^(cannot|gonna|gotta|lemme|gimme|wanna)$/i;

/**
 * The Penn Treebank tokens of a text in lower case: contractions are split (`ca n't`), marks are tokens,
 * brackets are named (`-lrb-`) and quotation marks are written as in LaTeX. At each place the longest token is
 * taken; a character of which none can be made is left out.
 *
 * Stanford's gives a second period after an abbreviation that ends a sentence, which is missing here, as
 * {@link captionTokens} drops it. It also looks into the text that follows in its file: before "The", the
 * letter and the period of an "L." are two tokens. Here every text stands alone.
 *
 * Source: the tokenizer of Stanford CoreNLP 3.4.1, with which coco-caption works
 * (`PTBTokenizer -preserveLines -lowerCase`); rules written anew, results compared with its.
 */
function treebankTokens(text: string): string[] {
  const tokens: string[] = [], line = text.replaceAll(/[\r\n]/g, " ") + "\n";
  for (let at = 0; at < line.length;) {
    const { token, length } = tokenAt(line, at);
    at += length;
    if (token !== "") tokens.push(token.toLowerCase());
  }
  return tokens;
}

interface Found {
  readonly token: string;
  readonly length: number;
}

function tokenAt(line: string, at: number): Found {
  plainWord.lastIndex = at;
  const plain = plainWord.exec(line);
  if (plain && !twofold.test(plain[1])) return { token: plain[1], length: plain[1].length };
  let longest = 0, found: Found = { token: "", length: 1 };
  for (const rule of tokenRules) {
    const match = matchAt(rule, line, at);
    if (!match || match[0].length <= longest) continue;
    longest = match[0].length;
    const [, token] = match, { length } = token;
    found = { token: withoutSoftHyphens(rule.write?.(token) ?? token), length };
  }
  return found;
}

/**
 * A hyphen for a token that is nothing but a soft hyphen; any other token loses its soft hyphens.
 */
const withoutSoftHyphens = (token: string): string =>
  token.replaceAll("\u00ad", "") || token && "-";

function matchAt({ pattern }: TokenRule, line: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(line);
}

// Tokens of captions.

/** Tokens that coco-caption drops. Those of `-LRB-` and its like are in capitals there, and so stay. */
const dropped = new Set("'' ' `` ` . ? ! , : - -- ... ;".split(" "));

/**
 * The tokens of a text as coco-caption takes them: Penn Treebank tokens ({@link treebankTokens}) without
 * quotation marks, periods, commas and their like.
 *
 * @example
 * ```ts
 * captionTokens("It isn't cheap (£20-25)."); // ["it", "is", "n't", "cheap", "-lrb-", "#", "20-25", "-rrb-"]
 * ```
 */
export const captionTokens = (text: string): string[] =>
  treebankTokens(text).filter((token) => !dropped.has(token));

/** Splits outputs and references. */
export const captionTokensOf = (outputs: readonly ReferencedOutput[]): ReferencedTokens[] =>
  tokensOf(outputs, captionTokens);
