/** Penn Treebank tokens, as Stanford's tokenizer takes them. @module */

import { type TokenRule, tokenRules } from "./treebank_rules.ts";

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
export function treebankTokens(text: string): string[] {
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

/** Where there is nothing else, a soft hyphen is a hyphen. */
const withoutSoftHyphens = (token: string): string =>
  token.replaceAll("\u00ad", "") || token && "-";

function matchAt({ pattern }: TokenRule, line: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(line);
}
