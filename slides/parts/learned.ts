/** 75 to 90: what an adapter learned, beside chance. @module */

import { rightDirections, similarityGrid } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { heatmaps } from "../../src/figures/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { rootPath } from "../../tests/support/source_files.ts";
import { formulasHtml, plotHtml } from "../drawing.ts";
import type { Part, Slide } from "../slide.ts";

const d = 256;

function noise(rows: number, seed: number) {
  const random = new Random(seed), draw = () => random.normal();
  return { shape: [rows, d], data: Float32Array.from({ length: rows * d }, draw) };
}

/** The part. */
export async function learnedPart(): Promise<Part> {
  return {
    title: "What it learned",
    minutes: [75, 90],
    notebook: "Notebook 07",
    slides: [...await chanceSlides(), await seedsSlide(), await lastSlide()],
  };
}

async function chanceSlides(): Promise<Slide[]> {
  const grid = similarityGrid(rightDirections(noise(8, 1)), rightDirections(noise(64, 2)));
  const numbers = {
    drawn: grid[7][63].toFixed(2),
    chance: `${64 / d}`,
    gpt3: `${(100 * 64 / 12_288).toFixed(1)}%`,
  };
  return [{
    kind: "question",
    title: "Two random sets of directions: what do they share?",
    text: ["One has 8 directions, the other 64, in 256 dimensions. Nobody trained anything."],
    choices: ["nothing", "a percent", "a quarter"],
    figure: await formulasHtml(
      "\\varphi(i, j) = \\frac{\\lVert U_i^\\top V_j\\rVert_F^2}{\\min(i, j)} \\in [0, 1]",
    ),
  }, {
    kind: "answer",
    title: "A quarter, by chance",
    text: ["{drawn} in this draw, {chance} in the mean; {gpt3} in GPT-3, which is wider."],
    numbers,
    figure: await plotHtml(
      {
        ...{ id: "chance", title: "", caption: "" },
        ...heatmaps({
          columns: ["two random matrices"],
          ...{ rows: [{ label: "i", panels: [grid] }], xTitle: "j", panelHeight: 170 },
        }),
      },
      "A map of φ that becomes darker to the right, as the second set has more directions.",
    ) + await formulasHtml("\\mathrm{E}\\,\\varphi(i, j) = \\max(i, j) / d"),
    caption: "Seeds 1 and 2.",
  }];
}

async function seedsSlide(): Promise<Slide> {
  const [one, two] = await Promise.all([11, 12].map(async (seed) => {
    const folder = `${rootPath}models/rank-study/qv-r64-seed${seed}`;
    return (await readAdapter(folder)).updates[0];
  }));
  const learned = similarityGrid(rightDirections(one.A), rightDirections(two.A));
  const chance = similarityGrid(rightDirections(noise(64, 3)), rightDirections(noise(64, 4)));
  const beyond = (phi: typeof learned) =>
    phi.slice(0, 12).map((row, i) =>
      row.slice(0, 12).map((value, j) => value - Math.max(i + 1, j + 1) / d)
    );
  const panels = [beyond(learned), beyond(chance)];
  return {
    title: "Two seeds share more than chance, and less than one might think",
    text: ["φ(8, 8) is {learned}; of two random matrices it is {random}, by chance {chance}."],
    numbers: {
      learned: learned[7][7].toFixed(2),
      random: chance[7][7].toFixed(2),
      chance: (8 / d).toFixed(2),
    },
    figure: await plotHtml(
      {
        ...{ id: "seeds", title: "", caption: "" },
        ...heatmaps({
          columns: ["two runs", "random"],
          ...{ rows: [{ label: "i", panels }], xTitle: "j" },
          ...{ panelHeight: 230, scale: "beyond chance" },
        }),
      },
      "Two maps of φ minus chance: that of two runs is colored, that of random matrices nearly white.",
    ),
    caption: "A of q, layer 1 of tiny-gpt2, seeds 11 and 12 at r = 64: the first 12 directions.",
  };
}

async function lastSlide(): Promise<Slide> {
  return {
    title: "No number without its chance value",
    text: [
      "A weight stays, and two thin matrices learn its change. B begins at zero. " +
      "Memory falls by what is not trained. A verdict has a rule that is older than its run.",
    ],
    figure: await formulasHtml("W' = W + \\frac{\\alpha}{r}\\, B A"),
    caption: "The quiz, questions 1, 4 and 9, then the exercises at home.",
  };
}
