/** English stems. @module */

/** Words whose stem no rule finds, and words that are left as they are. */
const exceptions: Readonly<Record<string, string>> = {
  ...{ skis: "ski", skies: "sky", dying: "die", lying: "lie", tying: "tie", idly: "idl" },
  ...{ gently: "gentl", ugly: "ugli", early: "earli", only: "onli", singly: "singl" },
  ...{ sky: "sky", news: "news", howe: "howe", atlas: "atlas", cosmos: "cosmos", bias: "bias" },
  andes: "andes",
};

/** Words that are finished after their plural is gone. */
const finished = /^((inn|out|cann|herr|earr)ing|(proc|exc|succ)eed)$/;

/** A vowel, which a capital Y is not, and what else is a letter. */
const vowel = "[aeiouy]", other = "[^aeiouy]";
const hasVowel = new RegExp(vowel);
/** Ends in a short syllable: a vowel between others, of which the last is not w, x or Y; or `at` alone. */
const shortEnd = new RegExp(`(^|.*${other})${vowel}[^aeiouywxY]$|^${vowel}${other}$`);

/** What an ending becomes, and when; the longest ending decides, even where its condition fails. */
type Ending = readonly [ending: string, becomes: string, when?: (stem: string) => boolean];

const derivational: readonly Ending[] = [
  ...[["ational", "ate"], ["ization", "ize"], ["fulness", "ful"], ["ousness", "ous"]] as const,
  ...[["iveness", "ive"], ["tional", "tion"], ["biliti", "ble"], ["lessli", "less"]] as const,
  ...[["entli", "ent"], ["ation", "ate"], ["alism", "al"], ["aliti", "al"], [
    "ousli",
    "ous",
  ]] as const,
  ...[["iviti", "ive"], ["fulli", "ful"], ["enci", "ence"], ["anci", "ance"], [
    "abli",
    "able",
  ]] as const,
  ...[["izer", "ize"], ["ator", "ate"], ["alli", "al"], ["bli", "ble"]] as const,
  ["ogi", "og", (stem) => stem.endsWith("l")],
  ["li", "", (stem) => /[cdeghkmnrt]$/.test(stem)],
];

const adjectival: readonly Ending[] = [
  ...[["ational", "ate"], ["tional", "tion"], ["alize", "al"], ["icate", "ic"]] as const,
  ...[["iciti", "ic"], ["ical", "ic"], ["ness", ""], ["ful", ""]] as const,
];

const last: readonly Ending[] = [
  ..."ement ment ance ence able ible ant ent ism ate iti ous ive ize al er ic".split(" ").map(
    (ending) => [ending, ""] as const,
  ),
  ["ion", "", (stem) => /[st]$/.test(stem)],
];

/**
 * The stem of an English word in lower case.
 *
 * Source: the Snowball "English" stemmer (Porter 2, 2001), in the version that METEOR 1.5 has. R1 is what
 * follows the first vowel and the letter after it that is none, R2 the same within R1.
 */
export function englishStem(word: string): string {
  if (Object.hasOwn(exceptions, word)) return exceptions[word];
  if (word.length <= 2) return word;
  const marked = word.replace(/^'/, "").replace(/^y/, "Y").replaceAll(/(?<=[aeiouy])y/g, "Y");
  const starts = regionsOf(marked);
  const singular = withoutPlural(marked);
  if (finished.test(singular)) return singular;
  const present = withoutTense(singular, starts[0]);
  const ended = present.replace(/(?<=.[^aeiouy])[yY]$/, "i");
  const shorter = replaced(ended, derivational, starts[0]);
  const plain = withoutAdjective(shorter, starts);
  return withoutFinal(replaced(plain, last, starts[1]), starts).toLowerCase();
}

/** Where R1 and R2 begin. */
function regionsOf(word: string): readonly [number, number] {
  const after = (from: number) => {
    const found = new RegExp(`${vowel}${other}`).exec(word.slice(from));
    return found ? from + found.index + 2 : word.length;
  };
  const prefix = /^(gener|commun|arsen)/.exec(word);
  const first = prefix ? prefix[0].length : after(0);
  return [first, after(first)];
}

function withoutPlural(word: string): string {
  const bare = word.replace(/'s'$|'s$|'$/, "");
  if (bare.endsWith("sses")) return bare.slice(0, -2);
  if (/ie[ds]$/.test(bare)) return bare.slice(0, bare.length > 4 ? -2 : -1);
  if (/[us]s$/.test(bare) || !bare.endsWith("s")) return bare;
  return hasVowel.test(bare.slice(0, -2)) ? bare.slice(0, -1) : bare;
}

function withoutTense(word: string, first: number): string {
  const [, stem, ending] = /^(.*?)(eedly|ingly|edly|eed|ing|ed)$/.exec(word) ?? [];
  if (ending === undefined) return word;
  if (ending.startsWith("eed")) return stem.length >= first ? `${stem}ee` : word;
  if (!hasVowel.test(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return stem.slice(0, -1);
  return stem.length <= first && shortEnd.test(stem) ? `${stem}e` : stem;
}

function replaced(word: string, endings: readonly Ending[], from: number): string {
  const found = endings.find(([ending]) => word.endsWith(ending));
  if (!found) return word;
  const [ending, becomes, when = () => true] = found, stem = word.slice(0, -ending.length);
  return stem.length >= from && when(stem) ? stem + becomes : word;
}

function withoutAdjective(word: string, [first, second]: readonly [number, number]): string {
  if (!word.endsWith("ative")) return replaced(word, adjectival, first);
  return word.length - "ative".length >= second ? word.slice(0, -"ative".length) : word;
}

/** Without a final e, or one of two l. */
function withoutFinal(word: string, [first, second]: readonly [number, number]): string {
  const stem = word.slice(0, -1);
  if (word.endsWith("e")) {
    const isDeleted = stem.length >= second || (stem.length >= first && !shortEnd.test(stem));
    return isDeleted ? stem : word;
  }
  return word.endsWith("ll") && stem.length >= second ? stem : word;
}
