/** The opening: reasons, the method, and its place in a block. @module */

import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { boxesPicture } from "../../src/figures/mod.ts";
import { formulasHtml, pictureHtml, textTable } from "../drawing.ts";
import type { Slide } from "../slide.ts";
import { bytesBetween, total } from "./memory.ts";
import { blockPicture } from "../../playground/draw/block_picture.ts";

const tasks = 20, rank = 8;

/** The title, the reason, the method, and its place. */
export async function openingSlides(): Promise<Slide[]> {
  return [await titleSlide(), whySlide(), methodSlide(), whereSlide()];
}

async function titleSlide(): Promise<Slide> {
  return {
    minute: 0,
    title: "LoRA: teach a large model by a small change",
    text: [
      "What it is, what it saves, how it is trained fairly, and what it learns. " +
      "Before every result you predict it.",
    ],
    figure: await formulasHtml("W' = W_0 + s\\, B A"),
    caption: "Hu et al. 2021, arXiv:2106.09685.",
    notes:
      "While they come in: with notebooks, is the first cell of 00 run? N hides and shows these notes.",
  };
}

/** Bytes of Llama 2 7B in training, and of a shelf of tasks. */
function whySlide(): Slide {
  const model = architectureOf(catalog["llama-2-7b"].config);
  const full = bytesBetween(model), lora = bytesBetween(model, { rank, sites: ["q", "v"] });
  const shelf = (each: number, base = 0) => formatBytes(base + tasks * each);
  const rows = [
    ["to hold while it trains (Adam, F32)", formatBytes(total(full)), formatBytes(total(lora))],
    ["to keep for one task (16 bits)", formatBytes(full.weight / 2), formatBytes(lora.adapter / 2)],
    [
      `to keep for ${tasks} tasks (16 bits)`,
      shelf(full.weight / 2),
      shelf(lora.adapter / 2, full.weight / 2),
    ],
  ];
  return {
    minute: 0,
    title: "A model of 7 billion weights, and {tasks} tasks",
    text: ["Ordinary fine-tuning changes every weight, and makes a whole model for every task."],
    numbers: { tasks: `${tasks}` },
    figure: textTable("Bytes", [" ", "all weights", "LoRA"], rows),
    caption: `Llama 2 7B, r = ${rank} on q and v; without activations.`,
    notes:
      "Who has a card of 24 GB? The first row is why people ask. The last row is why a service with a " +
      "thousand customers asks.",
  };
}

const methodAlt = "W′ is W₀, which stays frozen, plus s times a tall thin B times a low wide A.";

function methodSlide(): Slide {
  return {
    minute: 1,
    title: "Tall times wide, beside a weight that stays",
    text: [
      "A weight of many million values stays as it is. Beside it we train two thin matrices.",
    ],
    figure: pictureHtml({ svg: methodPicture(14, true), alt: methodAlt }, methodPicture(6, false)),
    notes: "Point at tall times wide. r is the width of B: it is the number you choose.",
  };
}

/** The equation as boxes, with what each is where there is room. */
function methodPicture(cell: number, isLarge: boolean): string {
  const side = 12, thin = 2, trained = { role: "lora" } as const;
  const notes = (...all: string[]) => isLarge ? all : all.slice(0, 1);
  const footnote = isLarge ? "s = α / r" : undefined;
  return boxesPicture({ alt: methodAlt, caption: "", cell, footnote }, [
    { sign: "W′" },
    { sign: "=" },
    { name: "W₀", rows: side, columns: side, role: "base", notes: notes("frozen", "d × d") },
    { sign: "+" },
    { sign: "s ·" },
    {
      name: "B",
      rows: side,
      columns: thin,
      ...trained,
      notes: notes("trained", "d × r", "zero at first"),
    },
    { sign: "·" },
    {
      name: "A",
      rows: thin,
      columns: side,
      ...trained,
      notes: notes("trained", "r × d", "random at first"),
    },
  ]).svg;
}

function whereSlide(): Slide {
  return {
    minute: 3,
    title: "Where: two of the matrices of every block",
    text: ["q says what a token looks for, v what it hands on. The paper adapts these two."],
    figure: pictureHtml(blockPicture(), blockPicture().svg),
    caption:
      "Any matrix can have an update; which ones are worth it is the question of notebook 06.",
    notes:
      "A block is attention and then a feed-forward layer. Blue has an update beside it, gray stays. All " +
      "blocks of the model look like this one.",
  };
}
