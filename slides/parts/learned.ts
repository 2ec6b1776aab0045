/** 75 to 90: what an adapter learned, beside chance. @module */

import { rightDirections, similarityGrid } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { heatmaps, type TitledPlane } from "../../src/figures/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { formulasHtml, planesHtml, plotHtml } from "../drawing.ts";
import type { Part, Slide } from "../slide.ts";
import { closingSlides } from "./closing.ts";

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
    slides: [angleSlide(), ...await chanceSlides(), await seedsSlide(), ...closingSlides],
  };
}

/** φ of one direction each: the squared cosine of their angle. */
function angleSlide(): Slide {
  const planes = [0, 60, 90].map((degrees): TitledPlane => {
    const angle = degrees * Math.PI / 180, cosine = Math.cos(angle);
    const title = `${degrees}°: φ = ${(cosine ** 2).toFixed(2)}`;
    return { title, ellipses: [], arrows: [1, 0, cosine, Math.sin(angle)], half: 1.25 };
  });
  const alt = "Two arrows at 0, 60 and 90 degrees; φ is 1, 0.25 and 0.";
  return {
    title: "φ: how much of one set of directions is in another",
    text: [
      "Of one direction each: the squared cosine of their angle. Of more: the mean over the smaller.",
    ],
    figure: planesHtml(alt, planes, planes.slice(1, 2)),
    minute: 75,
    notes: "The sign of a direction does not count: an arrow and its opposite are the same line.",
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
    minute: 76,
    notes: "Nobody trained anything. Hands.",
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
    minute: 77,
    notes: "“A quarter is a lot.” 64 of 256 dimensions are a quarter of all there is.",
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
    title: "Two seeds share little, but more than chance",
    text: [
      "First eight directions of one run in those of the other: {learned}; of random matrices {random}.",
    ],
    numbers: {
      learned: `${(100 * learned[7][7]).toFixed(0)}%`,
      random: `${(100 * chance[7][7]).toFixed(0)}%`,
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
    minute: 80,
    notes: "Blue is more than chance. The corner is the first direction with the first.",
  };
}
