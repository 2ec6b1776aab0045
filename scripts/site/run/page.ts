/** The script of a notebook's page: it makes the cells of the page run. @module */

import { AllCells } from "./page/all_cells.ts";
import { PageCell } from "./page/cell.ts";
import { made, page, type PageElement } from "./page/dom.ts";
import { Kernel } from "./page/kernel.ts";
import { keptIn } from "./page/kept.ts";

// The script is loaded while the page is read.
await new Promise<void>((resolve) => {
  if (page.document.readyState !== "loading") resolve();
  else page.addEventListener("DOMContentLoaded", resolve);
});

const sections = [...page.document.querySelectorAll("section.cell[data-cell]")];
const idle = "The cells run in this page, which is their kernel; code can be changed.";
const status = made("span", "cells-status", idle);

const say = (text: string): void => void (status.textContent = text);

/** Makes the cells live. */
function start(): void {
  const kernel = new Kernel(modulesOf(sections[0]), {
    runs: (cell) => say(cell === undefined ? idle : `Running cell ${cell} …`),
    restarted: () => cells.forEach((cell) => cell.forget()),
  });
  const stores = { sources: keptIn("localStorage"), outputs: keptIn("sessionStorage") };
  const cells = sections.map((section) => new PageCell(section, kernel, stores));
  const all = new AllCells(cells);
  const runAll = async () => {
    const words = await all.run();
    if (words !== undefined) say(words);
  };
  const stop = () => {
    all.stop();
    kernel.stop();
  };
  const bar = made("div", "cells-bar");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "The cells of this page");
  status.setAttribute("role", "status");
  bar.append(button("Run all", () => void runAll()), button("Stop", stop), status);
  const way = page.document.querySelector(".run-way");
  if (way) way.replaceWith(bar);
  else sections[0].before(bar);
}

function button(text: string, act: () => void): PageElement {
  const element = made("button", "", text);
  element.addEventListener("click", act);
  return element;
}

/** Modules that the first cell imports: the worker loads them before it is asked. */
function modulesOf({ textContent }: PageElement): string[] {
  return Array.from(textContent.matchAll(/from "(@lowrank\/core[^"]*)"/g), ([, name]) => name);
}

/** The style of cells and their buttons. */
function dress(): void {
  const link = made("link");
  link.setAttribute("rel", "stylesheet");
  link.setAttribute("href", new URL("./page.css", import.meta.url).href);
  page.document.head.append(link);
}

if (sections.length > 0) {
  dress();
  start();
}
