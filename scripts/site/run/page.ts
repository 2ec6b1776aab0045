/** The script of a notebook's page: it makes the cells of the page run. @module */

import { PageCell } from "./page/cell.ts";
import { made, page, type PageElement } from "./page/dom.ts";
import { Kernel } from "./page/kernel.ts";
import { keptIn } from "./page/kept.ts";

const sections = [...page.document.querySelectorAll("section.cell[data-cell]")];
const bar = made("div", "cells-bar");
bar.setAttribute("role", "toolbar");
bar.setAttribute("aria-label", "The cells of this page");
const status = made("span", "cells-status");
status.setAttribute("role", "status");

if (sections.length > 0) {
  dress();
  sections[0].before(bar);
  if (page.location.protocol === "file:") {
    status.textContent = "To run these cells here, open the page from a web server.";
    bar.append(status);
  } else start();
}

function start(): void {
  const kernel = new Kernel(modulesOf(sections[0]));
  const stores = { sources: keptIn("localStorage"), outputs: keptIn("sessionStorage") };
  const cells = sections.map((section) => new PageCell(section, kernel, stores));
  const runAll = button("Run all", async () => {
    for (const cell of cells) if (!await cell.run()) return;
  });
  const stop = button("Stop", () => kernel.stop());
  bar.append(runAll, stop, status);
  status.textContent = "The cells run in this page.";
}

function button(text: string, act: () => void): PageElement {
  const made_ = made("button", "", text);
  made_.addEventListener("click", act);
  return made_;
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
