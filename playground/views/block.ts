/** The block of a transformer, with the matrices lit that have an update. @module */

import { blockPicture } from "../draw/block_picture.ts";
import { pictureSource } from "../../src/figures/html.ts";
import { element } from "../dom.ts";

/** The matrices of the choice `all-linear`; every other choice names its own, such as `q,v`. */
const allLinear: readonly string[] = ["q", "k", "v", "o", "up", "down"];

/** Draws the block into an image; `sites` is a choice of the handle of that name. */
export function showBlock(id: string, sites: string): void {
  const { svg, alt } = blockPicture(sites === "all-linear" ? allLinear : sites.split(","));
  const image = element(id);
  image.setAttribute("src", pictureSource(svg));
  image.setAttribute("alt", alt);
}
