/** The regular expressions that a tokenizer's file may split and replace with. @module */

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const letters = "\\p{L}\\p{M}";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]", upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** A letter run with at most one other character before it, then digits, then other symbols. */
const openAi = (start: string, digits: string) =>
  `${start}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`;

const cased = (end: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${end}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${end}`;

/**
 * Published patterns, which were tried on long texts: the library matches with backtracking, so that
 * another one could take forever.
 */
const published: ReadonlySet<string> = new Set([
  // GPT-2, and CLIP.
  `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`,
  `${contractions}|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+`,
  // GPT-4 and Llama 3, Qwen 2, Qwen 3.5.
  openAi(`(?i:${contractions})`, "\\p{N}{1,3}"),
  openAi(`(?i:${contractions})`, "\\p{N}"),
  `(?i:${contractions})|[^\\r\\n\\p{L}\\p{N}]?[${letters}]+|\\p{N}` +
  `| ?[^\\s${letters}\\p{N}]+[\\r\\n]*|${spaces}`,
  // GPT-4o and Llama 4, Mistral's Tekken.
  `${cased(`(?i:${contractions})?`)}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`,
  `${cased("")}|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`,
  // DeepSeek 3.
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" +
  `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`,
  // BLOOM.
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
]);

/** A character, an escape or a class. */
const atom =
  "(?:\\\\[pP]\\{[A-Za-z_]+\\}|\\\\.|\\[(?:\\\\.|[^\\[\\]\\\\])+\\]|[^\\\\()[\\]{}|*+?^$])";

const repetition = "(?:[*+?]|\\{\\d*,?\\d*\\})";

/**
 * One atom with one repetition and perhaps an optional one before it, or atoms without any: such patterns
 * give back one character at most.
 */
const plain = new RegExp(`^(?:(?:${atom}\\?)?${atom}${repetition}?|(?:${atom})+)$`, "su");

/** DeepSeek LLM's for spaces at the end, which tries each space of each run. */
const lastSpaces = "\\s+$";

/** Whether a pattern is one of the published ones, or too simple to take long. */
export function isSplitPattern(pattern: string): boolean {
  // DeepSeek's file has the line breaks themselves.
  const escaped = pattern.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  if (published.has(escaped) || pattern === lastSpaces) return true;
  return pattern.length < 1000 && plain.test(pattern);
}

/** The same steps with patterns that find the same in linear time. */
export function withLinearPatterns(steps: unknown): unknown {
  return JSON.parse(
    JSON.stringify(steps ?? null),
    (key, value) => key === "Regex" && value === lastSpaces ? `(?<!\\s)${lastSpaces}` : value,
  );
}
