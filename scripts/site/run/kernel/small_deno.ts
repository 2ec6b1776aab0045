/**
 * The part of `Deno` that notebooks and the library's `notebook/` use, in a worker of a page: outputs are
 * sent to the page, files are fetched, and a server answers the page's own questions.
 *
 * @module
 */

import { inspect } from "./inspect.ts";
import { NotInPage } from "./not_in_page.ts";

/** An output as a Jupyter kernel sends it. */
export interface Broadcast {
  /** Jupyter's name for it: `display_data`, `update_display_data` or `stream`. */
  readonly type: string;
  /** Its content: a bundle by media types, or a text. */
  readonly content: Readonly<Record<string, unknown>>;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** Origin of the one server that a cell may start. Port 0 is nobody else's: no server can listen there. */
export const serverOrigin = "http://127.0.0.1:0";

/** The method by which an object shows itself, as Deno's kernel calls it. */
const displaySymbol = Symbol.for("Jupyter.display");

/** A value as Jupyter gets it, a bundle by media types: its own if it shows itself, else its text. */
export async function bundleOf(value: unknown): Promise<Readonly<Record<string, unknown>>> {
  const show = (value as Record<symbol, unknown> | undefined)?.[displaySymbol];
  if (typeof show === "function") return await show.call(value);
  return { "text/plain": inspect(value) };
}

/** `Deno` for the cells of a worker, and what the page asks of it: to stop work, and answers of a server. */
export class SmallDeno {
  readonly #send: (output: Broadcast) => void;
  readonly #stops = new Set<() => void>();
  #serve: Handler | undefined;

  /** Sends outputs with `send`. */
  constructor(send: (output: Broadcast) => void) {
    this.#send = send;
  }

  /** The object that a cell sees as `Deno`; a member that is left out throws {@link NotInPage} when it is read. */
  get globals(): object {
    const own = {
      jupyter: this.#jupyter(),
      inspect: (value: unknown) => inspect(value),
      build: { os: "browser" },
      errors: { NotFound: class extends Error {}, NotADirectory: class extends Error {} },
      readTextFile: async (path: string | URL) => await (await fetched(path)).text(),
      readFile: async (path: string | URL) => await (await fetched(path)).bytes(),
      // The one signal that is listened to is SIGINT, the Stop button.
      addSignalListener: (_signal: string, stop: () => void) => void this.#stops.add(stop),
      removeSignalListener: (_signal: string, stop: () => void) => void this.#stops.delete(stop),
      serve: (_options: unknown, handler: Handler) => this.#listen(handler),
    };
    return new Proxy(own, {
      get(known, name) {
        if (name in known || typeof name === "symbol") return Reflect.get(known, name);
        throw new NotInPage(`Deno.${name}`);
      },
    });
  }

  /** Ends work that listens to the Stop button; false if none does. */
  stop(): boolean {
    this.#stops.forEach((stop) => stop());
    return this.#stops.size > 0;
  }

  /** The answer of the server that a cell started; 404 before that. */
  async answer(address: string): Promise<Response> {
    if (!this.#serve) return new Response(null, { status: 404 });
    return await this.#serve(new Request(address));
  }

  /** `Deno.serve`: the last handler is the server, and the page asks it through {@link SmallDeno.answer}. */
  #listen(handler: Handler) {
    this.#serve = handler;
    return { addr: { port: 0 }, unref() {} };
  }

  /** The part of `Deno.jupyter` that cells use. */
  #jupyter() {
    const broadcast = (type: string, content: Broadcast["content"]) =>
      this.#send({ type, content });
    const template = (type: string) => (parts: TemplateStringsArray, ...values: unknown[]) => {
      const text = String.raw({ raw: parts }, ...values);
      return { [displaySymbol]: () => ({ [type]: text }) };
    };
    return {
      broadcast,
      display: async (value: unknown, { raw = false }: { raw?: boolean } = {}) =>
        broadcast("display_data", { data: raw ? value : await bundleOf(value) }),
      html: template("text/html"),
      md: template("text/markdown"),
      svg: template("image/svg+xml"),
    };
  }
}

async function fetched(path: string | URL): Promise<Response> {
  const response = await fetch(path);
  if (response.ok) return response;
  throw new Error(`cannot read ${path}: the server answered ${response.status}`);
}
