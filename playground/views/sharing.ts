/** Parts that a link hides: a teacher ticks them, and shares the address. @module */

import { element, page, type PageElement } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import { hiddenIn, hideable, hiding, parts, type State } from "../state.ts";
import { lessonHandles, memoryHandles, tinyHandles } from "./handles.ts";

/** Boxes to tick, by what they belong to: names and labels. */
const groups: Readonly<Record<string, readonly (readonly [name: string, label: string])[]>> = {
  Parts: [
    ["path", "Guided path"],
    ["planted", "Planted shift"],
    ["tiny", "Tiny GPT-2"],
    ["memory", "Memory of a model"],
    ["adapter", "Somebody's adapter"],
  ],
  "Handles: planted shift": lessonHandles.map(({ key, label }) => [key, label]),
  "Handles: tiny GPT-2": tinyHandles.map(({ key, label }) => [key, label]),
  "Handles: memory": memoryHandles.map(({ key, label }) => [key, label]),
};

const idOf = (name: string) => `hide-${name}`;

/** The boxes, the link and the buttons beside it. */
export class Sharing {
  /** Builds the boxes; `change` is called with what a reader hides. */
  constructor(change: (hide: string) => void) {
    const form = element("hide");
    form.innerHTML = Object.entries(groups).map(fieldset).join("");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener(
      "change",
      () => change(hiding(hideable.filter((name) => element(idOf(name)).checked))),
    );
    element("show-all").onclick = () => change("");
    element("copy").onclick = () => void copy(element("link"));
  }

  /** Hides the parts that a state hides; its handles are hidden where they are shown. */
  show(state: State): void {
    const hidden = hiddenIn(state);
    for (const part of parts) element(part).hidden = hidden.includes(part);
    for (const name of hideable) element(idOf(name)).checked = hidden.includes(name);
    element("tiny-look").hidden = hidden.includes("adapter");
    this.showLink();
  }

  /** Shows the address, which has changed. */
  showLink(): void {
    element("link").value = page.location.href;
    element("share-said").textContent = "";
  }

  /** Says what of an address the page does not know; nothing if it knows all. */
  sayUnknown(unknown: readonly string[]): void {
    const said = element("unknown");
    said.hidden = unknown.length === 0;
    said.textContent = said.hidden ? "" : `Ignored in the address: ${unknown.join(", ")}.`;
  }
}

function fieldset([title, boxes]: readonly [string, (typeof groups)[string]]): string {
  const labels = boxes.map(([name, label]) =>
    `<label><input type="checkbox" id="${idOf(name)}"> ${escaped(label)}</label>`
  );
  return `<fieldset><legend>${title}</legend>${labels.join("")}</fieldset>`;
}

/** A page that was not loaded securely has no clipboard; there the link is selected. */
async function copy(link: PageElement): Promise<void> {
  const said = element("share-said");
  try {
    await page.navigator.clipboard.writeText(link.value);
    said.textContent = "Copied.";
  } catch {
    link.focus();
    link.select();
    said.textContent = "The link is selected: copy it with the keys.";
  }
}
