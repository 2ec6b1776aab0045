/** The block of a transformer, with the matrices lit that have an update. @module */

import { blockPicture } from "../../src/figures/block_picture.ts";
import { pictureSource } from "../../src/figures/html.ts";
import { element } from "../dom.ts";

/** Matrices of a block by the names of choices that are no list of them. */
const all: Readonly<Record<string, readonly string[]>> = {
  "all-linear": ["q", "k", "v", "o", "up", "down"],
};

/** Fills an image with the block; its matrices are separated by commas, or are all. */
export function showBlock(id: string, sites: string): void {
  const { svg, alt } = blockPicture(all[sites] ?? sites.split(","));
  element(id).setAttribute("src", pictureSource(svg));
  element(id).setAttribute("alt", alt);
}
