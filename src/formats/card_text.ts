/** What the model cards of adapters of all methods have. @module */

import type { PromptFormat } from "../core/prompt_format.ts";
import { type FloatDtype, isHalf } from "./dtype.ts";
import { terminalJson, terminalLine } from "../core/terminal_text.ts";

/** The line that marks our own cards; a card without it is somebody's work and is not overwritten. */
export const CARD_MARK = "<!-- written by Lowrank -->";

/** What a card says. */
export interface Card {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** What loads the folder in Python; none if it has a form of our own. */
  readonly library?: string;
  /** By what it is found on the hub. */
  readonly tags: readonly string[];
  /** Its heading. */
  readonly title: string;
  /** What it is, in sentences. */
  readonly about: string;
  /** What else is known of it, a line each. */
  readonly facts: readonly string[];
  /** The lines of Python that load it. */
  readonly python?: string;
  /** The lines of TypeScript that load it. */
  readonly typescript: string;
}

/** The text of a card, with the fields that PEFT's cards have at its head. */
export function cardText(card: Card): string {
  const { baseModelName, library, tags, title, about, facts, python, typescript } = card;
  const head = [
    // A JSON string of printable characters is also a YAML string.
    ...baseModelName ? [`base_model: ${terminalJson(baseModelName)}`] : [],
    ...library ? [`library_name: ${library}`] : [],
    ...["tags:", ...tags.map((tag) => `  - ${tag}`)],
  ];
  const base = `Base model: ${baseModelName ? inCode(baseModelName) : "not recorded"}`;
  return [
    `---\n${head.join("\n")}\n---\n`,
    `${CARD_MARK}\n`,
    `# ${title}\n`,
    `${about}\n`,
    [base, ...facts].map((line) => `- ${line}\n`).join(""),
    ...python ? [block("python", python)] : [],
    block("ts", typescript),
  ].join("\n");
}

const block = (language: string, lines: string): string => `\`\`\`${language}\n${lines}\n\`\`\`\n`;

/** A text of a file as code in a line of Markdown, which is the only form in which a card may show one. */
export const inCode = (text: string): string =>
  `\`${terminalLine(text.replaceAll("`", "'")) || " "}\``;

/** Facts for a card: a classifier's labels, the parts trained in full, the prompts, and the file. */
export interface TaskFacts {
  /** The names of a classifier's labels. */
  readonly labels?: readonly string[];
  /** The modules that were trained in full. */
  readonly full: readonly string[];
  /** How prompts were written. */
  readonly promptFormat?: PromptFormat;
  /** The type of the values in the file. */
  readonly dtype?: FloatDtype;
}

/** The lines that say so. */
export function taskLines({ labels, full, promptFormat, dtype = "F32" }: TaskFacts): string[] {
  const modules = [...new Set(full.map(inCode))];
  return [
    ...isHalf(dtype) ? [`Values: stored in ${dtype}, 2 bytes each`] : [],
    ...labels ? [`Labels: ${labels.map((name) => inCode(JSON.stringify(name))).join(", ")}`] : [],
    ...modules.length > 0 ? [`Trained in full, and in the file: ${modules.join(", ")}`] : [],
    ...promptFormat && !labels ? [promptLine(promptFormat)] : [],
  ];
}

/** How a prompt must be written to be answered as in training. */
function promptLine({ template, endOfTextFirst, separator }: PromptFormat): string {
  const first = endOfTextFirst ? "the end-of-text token, then " : "";
  const answer = separator === ""
    ? ""
    : `; answers begin with ${inCode(JSON.stringify(separator))}, which is not part of them`;
  const prompt = inCode(JSON.stringify(template));
  return `Prompts: as in training, ${first}${prompt} without further special tokens${answer}. A prompt that is ` +
    "written otherwise is answered badly.";
}
