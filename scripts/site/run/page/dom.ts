/**
 * Types of the browser's interfaces that a notebook's page uses. The types of a whole browser would be in
 * force in every file of a type check, where they disagree with those of WebGPU.
 *
 * @module
 */

/** An element, with the members that some kinds of them have. */
export interface PageElement {
  innerHTML: string;
  textContent: string;
  className: string;
  hidden: boolean;
  disabled: boolean;
  open: boolean;
  title: string;
  readonly nextElementSibling: PageElement | null;
  readonly parentElement: PageElement | null;
  readonly dataset: Record<string, string | undefined>;
  readonly classList: { toggle(name: string, isOn: boolean): void };
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  addEventListener(name: string, act: (event: PageEvent) => void): void;
  append(...children: (PageElement | string)[]): void;
  before(...children: PageElement[]): void;
  prepend(...children: PageElement[]): void;
  replaceChildren(...children: PageElement[]): void;
  replaceWith(other: PageElement): void;
  remove(): void;
  focus(): void;
  scrollIntoView(how: { readonly block: "nearest" }): void;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  closest(selector: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}

/** An event of a key or a button. */
export interface PageEvent {
  readonly target: PageElement;
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  preventDefault(): void;
}

/** Texts that a browser keeps; using it throws where it keeps nothing. */
export interface TextStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A figure as plotly takes it. */
export interface DrawnFigure {
  readonly title: string;
  readonly caption: string;
}

interface PageGlobals {
  readonly document: {
    readonly head: PageElement;
    readonly readyState: "loading" | "interactive" | "complete";
    createElement(name: string): PageElement;
    querySelector(selector: string): PageElement | null;
    querySelectorAll(selector: string): Iterable<PageElement>;
  };
  readonly location: Readonly<Record<"pathname", string>>;
  readonly localStorage: TextStore;
  readonly sessionStorage: TextStore;
  /** The script of `src/figures/loader.ts`, once it is loaded. */
  readonly lowrankFigures?: { draw(place: PageElement, figure: DrawnFigure): Promise<unknown> };
  fetch: typeof fetch;
  addEventListener(name: string, act: () => void): void;
}

/** The page's globals. */
export const page = globalThis as unknown as PageGlobals;

/** A new element with a class and a text. */
export function made(name: string, className = "", text = ""): PageElement {
  const element = page.document.createElement(name);
  Object.assign(element, { className, textContent: text });
  return element;
}
