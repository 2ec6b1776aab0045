/** Slides and their HTML. @module */

import { escapeHtml } from "../src/figures/html.ts";
import { minuteInCut } from "./cut.ts";

/** One idea. */
export interface Slide {
  /** Minute of the lesson at which it is shown. */
  readonly minute: number;
  /** Words for the speaker. */
  readonly notes: string;
  /** An answer follows its question. Default: an idea by itself. */
  readonly kind?: "question" | "answer";
  /** Its heading: the idea, or the question; `{name}` as in the text. */
  readonly title: string;
  /** Paragraphs; `{name}` is one of the numbers, `code` is between backticks. */
  readonly text: readonly string[];
  /** Choices for the students. */
  readonly choices?: readonly string[];
  /** Numbers in the text, as the library computes them. */
  readonly numbers?: Readonly<Record<string, string>>;
  /** HTML of a figure, formula or table. */
  readonly figure: string;
  /** Text below the figure: the subject of the drawing and its seeds; `{name}` as in the text. */
  readonly caption?: string;
  /** The source of values that are not computed here. */
  readonly quoted?: string;
}

/** A part of the lesson. */
export interface Part {
  readonly title: string;
  /** First and last minute, as in the instructor notes. */
  readonly minutes: readonly [from: number, to: number];
  /** The notebook with more on the part, which the cut leaves out. */
  readonly notebook: string;
  /** True if the part begins in the playground, in the cut too. */
  readonly playground?: boolean;
  readonly slides: readonly Slide[];
}

const kinds = { question: "Predict", answer: "Answer" };

/** All slides, in their order. */
export function slidesHtml(parts: readonly Part[]): string {
  const all = parts.flatMap((part, i) =>
    part.slides.map((slide) => ({ part, place: i + 1, slide }))
  );
  return all.map(({ part, place, slide }, i) => {
    const { minutes: [from, to] } = part, { kind = "idea", numbers = {} } = slide;
    const title = inline(slide.title, numbers);
    const id = `slide-${i + 1}`, minutes = `, minutes ${from} to ${to}`;
    return `<section id="${id}" class="slide ${kind}" aria-roledescription="slide" \
aria-label="${title.replaceAll(/<[^>]*>/g, "")}">
<p class="part">${place}. ${escapeHtml(part.title)}<span class="of-ninety">${minutes}</span></p>
<h2 id="${id}-title" tabindex="-1">${kindHtml(kind)}${title}</h2>
${wordsHtml(slide)}
${figureHtml(slide)}
${notesHtml(slide, minuteInCut(i + 1))}
<p class="foot"><span>${placeHtml(part)}</span><span>${i + 1} / ${all.length}</span></p>
</section>`;
  }).join("\n");
}

/** The place where a part is shown: the cut has no notebooks. */
function placeHtml({ playground = false, notebook }: Part): string {
  const words = playground ? `, then ${notebook.toLowerCase()}` : notebook;
  return `${playground ? "The playground" : ""}<span class="of-ninety">${escapeHtml(words)}</span>`;
}

const kindHtml = (kind: "idea" | keyof typeof kinds): string =>
  kind === "idea" ? "" : `<span class="kind">${kinds[kind]}</span> `;

function wordsHtml({ text, choices = [], numbers = {} }: Slide): string {
  const all = text.map((paragraph) => `<p>${inline(paragraph, numbers)}</p>`).join("\n");
  const items = choices.map((choice) => `<li>${inline(choice, numbers)}</li>`).join("");
  return `<div class="words">${all}${items && `<ol class="choices" type="A">${items}</ol>`}</div>`;
}

function notesHtml({ minute, notes, numbers = {} }: Slide, cut?: number): string {
  const inCut = cut === undefined ? "" : ` data-cut="${cut}"`;
  return `<aside class="notes" data-minute="${minute}"${inCut}>Minute <span>${minute}</span>. ${
    inline(notes, numbers)
  }</aside>`;
}

function figureHtml({ figure, caption, quoted, numbers = {} }: Slide): string {
  const words = caption === undefined ? "" : inline(caption, numbers);
  const source = quoted === undefined
    ? ""
    : ` <span class="quoted">Quoted: ${escapeHtml(quoted)}</span>`;
  const below = words || source ? `<figcaption>${words}${source}</figcaption>` : "";
  return `<figure>${figure}${below}</figure>`;
}

/** A text with its numbers and code. */
const inline = (text: string, numbers: Numbers): string =>
  filled(
    escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>"),
    numbers,
    (value, name) => `<strong data-number="${name}">${escapeHtml(value)}</strong>`,
  );

/** Computed numbers, written out, by their names. */
type Numbers = Readonly<Record<string, string>>;

/** A text with its numbers in place of their names, `{name}`; a number that nobody computed is an error. */
export const filled = (
  text: string,
  numbers: Numbers,
  write: (value: string, name: string) => string = (value) => value,
): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = numbers[name];
    if (value === undefined) throw new Error(`a slide needs the number ${name} that it names`);
    return write(value, name);
  });
