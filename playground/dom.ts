/**
 * Types of the browser's interfaces that the page uses. The types of a whole browser would be in
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
  /** Of a button, handle or canvas. */
  disabled: boolean;
  value: string;
  /** Of a box to tick. */
  checked: boolean;
  /** Of what can be folded. */
  open: boolean;
  max: string;
  width: number;
  height: number;
  onclick: (() => void) | null;
  onchange: (() => void) | null;
  /** Of an input of files. */
  readonly files: Iterable<File>;
  readonly name: string;
  readonly clientWidth: number;
  readonly clientHeight: number;
  readonly dataset: Record<string, string | undefined>;
  readonly style: Record<"width" | "height", string>;
  /** Of a form: its handles by name. */
  readonly elements: { namedItem(name: string): PageElement };
  focus(): void;
  /** Of a text input: selects its text. */
  select(): void;
  scrollIntoView(how?: { readonly block: "nearest" }): void;
  append(...children: PageElement[]): void;
  setAttribute(name: string, value: string): void;
  querySelector(selector: string): PageElement;
  getContext(kind: "2d"): { putImageData(pixels: ImageData, x: number, y: number): void };
  addEventListener(name: string, act: (event: PageEvent) => void): void;
}

/** A file or folder that was dropped. */
export type DroppedHandle =
  | { readonly kind: "file"; getFile(): Promise<File> }
  | { readonly kind: "directory"; values(): AsyncIterable<DroppedHandle> };

/** An event with its target. */
export interface PageEvent {
  readonly target: PageElement;
  /** Of what is dragged. */
  readonly dataTransfer: {
    readonly types: readonly string[];
    readonly files: Iterable<File>;
    readonly items: Iterable<{ getAsFileSystemHandle?(): Promise<DroppedHandle | null> }>;
  };
  preventDefault(): void;
}

/** A change of a media query. */
interface MediaQuery {
  readonly matches: boolean;
  addEventListener(name: "change", act: () => void): void;
}

/** The globals of a page. */
interface PageGlobals {
  readonly document: {
    readonly documentElement: PageElement;
    getElementById(id: string): PageElement;
    createElement(name: string): PageElement;
    querySelector(selector: string): PageElement;
  };
  readonly history: { replaceState(state: null, title: string, address: string): void };
  readonly location: Readonly<Record<"href" | "hash" | "pathname" | "search", string>>;
  readonly navigator: { readonly clipboard: { writeText(text: string): Promise<void> } };
  /** Texts that are kept until the tab is closed; reading it throws where a browser keeps nothing. */
  readonly sessionStorage: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
  };
  requestAnimationFrame(act: () => void): number;
  matchMedia(query: string): MediaQuery;
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
  addEventListener(name: "hashchange" | "resize", act: () => void): void;
}

/** The page's globals. */
export const page = globalThis as unknown as PageGlobals;

/** The element of an id, which the page has. */
export const element = (id: string): PageElement => page.document.getElementById(id);
