/** A page without a browser: elements that keep what they are given, and a worker that does what a test says. */

/** An element; its script is loaded as soon as it is added. */
class FakeElement {
  [member: string]: unknown;
  textContent = "";
  innerHTML = "";
  value = "";
  hidden = false;
  clientWidth = 0;
  readonly #children: Record<string, FakeElement> = {};
  readonly #acts: Record<string, () => void> = {};

  querySelector(selector: string): FakeElement {
    return this.#children[selector] ??= new FakeElement();
  }

  addEventListener(name: string, act: () => void): void {
    this.#acts[name] = act;
  }

  append({ load }: FakeElement): void {
    (load as () => void)();
  }

  get load(): (() => void) | undefined {
    return this.#acts.load;
  }

  focus(): void {}
  scrollIntoView(): void {}
  setAttribute(): void {}
}

/** A call, as the page's worker gets it. */
export interface FakeCall {
  readonly name: string;
  readonly given: readonly unknown[];
}

/** Stands for the page's worker. */
export class FakeWorker {
  /** All calls of the last worker that was started, in their order. */
  static calls: FakeCall[] = [];
  /** The last that was started. */
  static last: FakeWorker;
  /** Gives the result of a call. */
  static answer: (call: FakeCall) => unknown = () => undefined;
  onmessage?: (event: { data: { value: unknown } }) => void;
  onerror?: (event: { message?: string }) => void;

  /** Has no calls yet. */
  constructor() {
    FakeWorker.calls = [];
    FakeWorker.last = this;
  }

  /** Answers after what waits. */
  postMessage(call: FakeCall): void {
    FakeWorker.calls.push(call);
    setTimeout(() => this.onmessage?.({ data: { value: FakeWorker.answer(call) } }));
  }

  /** Answers no more. */
  terminate(): void {
    this.onmessage = undefined;
  }
}

/** Makes the globals of this file of tests those of a page; gives its elements. */
export function fakePage(): (id: string) => FakeElement {
  const body = new FakeElement(), byId = (id: string) => body.querySelector(id);
  const document = {
    getElementById: byId,
    querySelector: byId,
    createElement: () => new FakeElement(),
  };
  const matchMedia = () => ({ matches: false });
  Object.assign(globalThis, { document, matchMedia, Worker: FakeWorker });
  return byId;
}
