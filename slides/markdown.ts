/** The slides as Markdown, for a lecturer who wants other words. @module */

import type { Part, Slide } from "./slide.ts";

/** All slides with `---` between them: pictures are in it, notes are comments. */
export const slidesMarkdown = (parts: readonly Part[]): string =>
  parts.flatMap(({ slides }) => slides).map(slideMarkdown).join("\n---\n\n");

function slideMarkdown({ figure, numbers = {}, ...slide }: Slide): string {
  const { title, text, choices = [], caption = "", quoted, minute, notes } = slide;
  const filled = (words: string) =>
    words.replaceAll(/\{(\w+)\}/g, (name, key: string) => numbers[key] ?? name);
  const list = choices.map((choice) => `- ${filled(choice)}`).join("\n");
  const source = quoted === undefined ? "" : `Quoted: ${quoted}`;
  return [
    ...[`## ${title}`, ...text].map(filled),
    ...[list, figureMarkdown(figure), filled(caption), source],
    `<!-- Minute ${minute}. ${filled(notes)} -->`,
  ].filter((block) => block !== "").join("\n\n") + "\n";
}

/** Pictures are those for a projector, formulas TeX; tables and programs stay HTML. */
const figureMarkdown = (figure: string): string =>
  figure
    .replaceAll(/<picture[^>]*>.*?<img alt="([^"]*)" src="([^"]*)"><\/picture>/gs, "![$1]($2)")
    .replaceAll(
      /<p class="formula"><svg aria-label="([^"]*)".*?<\/p>/gs,
      (_, tex: string) => `\n\n$$${unescaped(tex)}$$`,
    ).trim();

const signs: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#39": "'",
};

const unescaped = (text: string): string => text.replaceAll(/&([^;]+);/g, (_, name) => signs[name]);
