/** The slides as Markdown, for a lecturer who wants other words. @module */

import { unescapeHtml } from "../src/figures/html.ts";
import { filled, type Part, type Slide } from "./slide.ts";

/** All slides with `---` between them: pictures are in it, notes are comments. */
export const slidesMarkdown = (parts: readonly Part[]): string =>
  parts.flatMap(({ slides }) => slides).map(slideMarkdown).join("\n---\n\n");

function slideMarkdown({ figure, numbers = {}, ...slide }: Slide): string {
  const { title, text, choices = [], caption = "", quoted, minute, notes } = slide;
  const words = (text: string) => filled(text, numbers);
  const list = choices.map((choice) => `- ${words(choice)}`).join("\n");
  const source = quoted === undefined ? "" : `Quoted: ${quoted}`;
  return [
    ...[`## ${title}`, ...text].map(words),
    ...[list, figureMarkdown(figure), words(caption), source],
    `<!-- Minute ${minute}. ${words(notes)} -->`,
  ].filter((block) => block !== "").join("\n\n") + "\n";
}

/** Pictures are those for a projector, formulas TeX; tables and programs stay HTML. */
const figureMarkdown = (figure: string): string =>
  figure
    .replaceAll(/<picture[^>]*>.*?<img alt="([^"]*)" src="([^"]*)"><\/picture>/gs, "![$1]($2)")
    .replaceAll(
      /<p class="formula"><svg aria-label="([^"]*)".*?<\/p>/gs,
      (_, tex: string) => `\n\n$$${unescapeHtml(tex)}$$`,
    ).trim();
