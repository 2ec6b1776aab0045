/**
 * A headless Chromium, driven over the DevTools protocol
 * (https://chromedevtools.github.io/devtools-protocol/).
 *
 * @module
 */

import { deadline } from "./deadline.ts";
import { browserPath } from "./parts.ts";

const startMs = 60_000;
/** Longest time of a command; a picture of a long page takes seconds on a busy machine. */
const commandMs = 180_000;

/** Options of its start. */
export interface BrowserOptions {
  /** No name is resolved: only this machine can be reached. */
  offline?: boolean;
  /** WebGPU, computed by SwiftShader. */
  webgpu?: boolean;
  /** The size of the window. */
  width?: number;
  height?: number;
}

/** A running browser; disposing of it ends the process and removes its profile. */
export class Browser implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  #address = "";

  private constructor({ offline = true, webgpu, width = 1280, height = 1000 }: BrowserOptions) {
    this.#profile = Deno.makeTempDirSync({ prefix: "lowrank_browser_" });
    const args = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--remote-debugging-port=0",
      `--window-size=${width},${height}`,
      `--user-data-dir=${this.#profile}`,
    ];
    if (webgpu) args.push("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
    if (offline) args.push("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
    this.#process = new Deno.Command(browserPath()!, {
      args,
      env: { TMPDIR: this.#profile }, // so that its temporary folders go with its profile
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts a browser and waits until it can be asked. */
  static async start(options: BrowserOptions = {}): Promise<Browser> {
    const browser = new Browser(options);
    try {
      await deadline(browser.#untilItListens(), startMs, "the browser to start");
      return browser;
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a page in a tab of its own. */
  async open(url: string): Promise<Page> {
    const target = `http://${this.#address}/json/new?about:blank`;
    const { webSocketDebuggerUrl } = await (await fetch(target, { method: "PUT" })).json();
    const page = await Page.connect(webSocketDebuggerUrl);
    await page.goTo(url);
    return page;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await removeFolder(this.#profile);
  }

  /** The browser writes its port into its profile. */
  async #untilItListens(): Promise<void> {
    while (true) {
      const text = await Deno.readTextFile(`${this.#profile}/DevToolsActivePort`).catch(() => "");
      const [port, path] = text.split("\n");
      if (path) {
        this.#address = `127.0.0.1:${port}`;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/**
 * One browser for all tests of a file: it is started for the first and ended after the last.
 *
 * @returns A function that opens a page in a tab of its own.
 */
export function browserOfFile(options: BrowserOptions = {}): (url: string) => Promise<Page> {
  let browser: Browser | undefined;
  Deno.test.beforeAll(async () => {
    if (browserPath()) browser = await Browser.start(options);
  });
  Deno.test.afterAll(() => browser?.[Symbol.asyncDispose]());
  return (url) => browser!.open(url);
}

/** Processes that end with the browser may still write there. */
async function removeFolder(path: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// deno-lint-ignore no-explicit-any
type Answer = any;

/** A page with changes that are not saved would ask before it closes, and nobody answers. */
const leaveUnasked =
  `addEventListener("beforeunload", (event) => event.stopImmediatePropagation(), {
  capture: true,
});`;

/** One tab. */
export class Page implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #events = new Map<string, PromiseWithResolvers<void>>();
  /** Errors that the page wrote to the console or threw. */
  readonly errors: string[] = [];
  #count = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
  }

  /** Connects to a tab. */
  static async connect(url: string): Promise<Page> {
    const socket = new WebSocket(url), page = new Page(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`no connection to ${url}`));
    await promise;
    await page.send("Page.enable");
    await page.send("Runtime.enable");
    await page.send("Page.addScriptToEvaluateOnNewDocument", { source: leaveUnasked });
    // Pages that nobody looks at hold back timers and focus.
    await page.send("Emulation.setFocusEmulationEnabled", { enabled: true });
    return page;
  }

  /** Goes to an address and waits until it is loaded. */
  async goTo(url: string): Promise<void> {
    await this.#untilLoaded(() => this.send("Page.navigate", { url }));
  }

  /** Loads the page again. */
  async reload(): Promise<void> {
    await this.#untilLoaded(() => this.send("Page.reload"));
  }

  /** Sends one command of the protocol. */
  async send(method: string, params: Record<string, unknown> = {}): Promise<Answer> {
    const id = ++this.#count, answer = Promise.withResolvers<Answer>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return await deadline(answer.promise, commandMs, `the browser's answer to ${method}`);
  }

  /** The value, as JSON, of an expression in the page; a promise is awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) {
      const { exception, text } = exceptionDetails;
      throw new Error(`in the page: ${exception?.description ?? text}\n${expression}`);
    }
    return result.value;
  }

  /** Waits until an expression gives something true, and gives that. */
  async until<T>(expression: string, ms: number, what: string): Promise<T> {
    const end = performance.now() + ms;
    while (true) {
      const value = await this.evaluate<T>(expression);
      if (value) return value;
      if (performance.now() > end) throw new Error(`waited ${ms / 1000} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Gives the tab another size. */
  async resize(width: number, height: number): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", size);
  }

  /** Closes the tab. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.send("Page.close");
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.onclose = () => resolve();
    this.#socket.close();
    await promise;
  }

  async #untilLoaded(act: () => Promise<unknown>): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    this.#events.set("Page.loadEventFired", loaded);
    await act();
    await deadline(loaded.promise, commandMs, "the page to load");
  }

  #take({ id, result, error, method, params }: Answer): void {
    if (id !== undefined) {
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) answer?.reject(new Error(`the browser: ${error.message}`));
      else answer?.resolve(result);
    }
    if (method) this.#events.get(method)?.resolve();
    if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params.exceptionDetails;
      this.errors.push(exception?.description ?? text);
    }
  }
}
