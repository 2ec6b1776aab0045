/** The picture of the method, W′ = W + s·B·A as boxes. @module */

import { grouped } from "../../core/numbers.ts";
import { boxesPicture, type MatrixBox } from "./boxes.ts";
import type { Picture } from "./picture.ts";

/** The example under the boxes: one matrix of GPT-3 175B, at the rank of the paper's abstract. */
const d = 12_288, r = 4;

/** Rows of a square that is drawn; a rank to scale would be too thin to see. */
const side = 12, thin = 2;

const box = (name: string, rows: number, columns: number, notes: string[]): MatrixBox => ({
  ...{ name, rows, columns, notes },
  role: name === "W" ? "base" : "lora",
});

/** W is a square, B tall and thin, A low and wide: their shapes are what the method is. */
export function methodPicture(): Picture {
  const alt = "The adapted weight is W, which stays frozen, plus s times B times A, which are " +
    "trained: B is tall and thin, A is low and wide.";
  const footnote = `GPT-3 175B, one matrix, r = ${r}: ${grouped(d * d)} values stay frozen, ` +
    `${grouped(2 * r * d)} are trained (${grouped(d * d / (2 * r * d))} times fewer)`;
  return boxesPicture({ alt, caption: "", footnote, cell: 12 }, [
    { sign: "W′", notes: ["adapted", "d × d"] },
    { sign: "=" },
    box("W", side, side, ["frozen", "d × d", "as it was pretrained"]),
    { sign: "+" },
    { sign: "s ·", notes: ["scaling", "s = α / r"] },
    box("B", side, thin, ["trained", "d × r", "starts at zero"]),
    { sign: "·" },
    box("A", thin, side, ["trained", "r × d", "starts at random"]),
  ]);
}
