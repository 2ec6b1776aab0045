/** Handles: labeled ranges and lists that any keyboard reaches. @module */

import { page, type PageElement } from "./dom.ts";
import { choices, hiddenIn, type State } from "./state.ts";

/** Settings that have a handle. */
export type Key = keyof typeof choices;

/** One handle. */
export interface Handle {
  readonly key: Key;
  readonly label: string;
  /** A list of names; else a range of the key's values. */
  readonly names?: Readonly<Record<string, string>>;
  /** Folded with others, as it is moved less often. */
  readonly isFolded?: boolean;
  /** Formats a value beside the label. */
  readonly format?: (value: string | number, state: State) => string;
  /** Values that fit the state. Default: all. */
  readonly fits?: (value: string | number, state: State) => boolean;
}

/** Handles in a form, which always show the state. */
export class Handles {
  readonly #form: PageElement;
  readonly #handles: readonly Handle[];
  readonly #boxes: readonly PageElement[];
  readonly #fold = page.document.createElement("details");

  /** Builds the handles; `change` is called with what a reader has changed. */
  constructor(
    form: PageElement,
    handles: readonly Handle[],
    change: (part: Partial<State>) => void,
  ) {
    this.#form = form;
    this.#handles = handles;
    this.#boxes = handles.map(build);
    const [open, folded] = [false, true].map((isFolded) =>
      this.#boxes.filter((_, i) => !!handles[i].isFolded === isFolded)
    );
    this.#fold.innerHTML = "<summary>More handles</summary>";
    this.#fold.append(...folded);
    form.append(...open, this.#fold);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", ({ target }) => {
      const { name, value, dataset } = target;
      const all: readonly (string | number)[] = choices[name as Key];
      const chosen = dataset.values
        ? JSON.parse(dataset.values)[Number(value)]
        : all.find((one) => String(one) === value);
      change({ [name]: chosen });
    });
  }

  /** Shows a state, but not the handles that it hides. */
  show(state: State): void {
    const hidden = hiddenIn(state);
    this.#handles.forEach((handle, i) => {
      this.#showOne(handle, state);
      this.#boxes[i].hidden = hidden.includes(handle.key);
    });
    const isEmpty = (one: boolean) =>
      this.#boxes.every(({ hidden }, i) => hidden || !!this.#handles[i].isFolded !== one);
    this.#fold.hidden = isEmpty(true);
    this.#form.hidden = this.#fold.hidden && isEmpty(false);
  }

  #showOne({ key, names, format = String, fits = () => true }: Handle, state: State): void {
    const input = this.#form.elements.namedItem(key), value = state[key];
    if (names) {
      input.value = String(value);
      return;
    }
    const all: readonly (string | number)[] = choices[key];
    const values = all.filter((one) => fits(one, state));
    input.dataset.values = JSON.stringify(values);
    input.max = String(values.length - 1);
    input.value = String(values.indexOf(value));
    const text = format(value, state);
    input.setAttribute("aria-valuetext", text);
    (this.#form.elements.namedItem(`${key}-value`)).value = text;
  }
}

function build({ key, label, names }: Handle): PageElement {
  const box = page.document.createElement("div");
  box.innerHTML = names
    ? `<label for="${key}">${label}</label><select id="${key}" name="${key}">${
      Object.entries(names).map(([value, name]) => `<option value="${value}">${name}</option>`)
        .join("")
    }</select>`
    : `<div class="label"><label for="${key}">${label}</label>` +
      `<output name="${key}-value" for="${key}" aria-live="off"></output></div>` +
      `<input type="range" id="${key}" name="${key}" min="0" step="1">`;
  return box;
}
