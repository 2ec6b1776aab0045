/** The page: handles, the planted shift, the tiny GPT-2 and the memory of a model. @module */

import { catalog, type ConfigJson } from "../src/architectures/mod.ts";
import { isRecord } from "../src/core/json.ts";
import { App } from "./app.ts";
import { Handles } from "./controls.ts";
import { element, page } from "./dom.ts";
import { countMemory } from "./memory.ts";
import { lessonSettings } from "../src/lesson/settings.ts";
import { fitted, formatState, parseState, type State, stateAt, unknownIn } from "./state.ts";
import { TinyApp } from "./tiny_app.ts";
import { exampleLines } from "./tiny/settings.ts";
import { lessonHandles, memoryHandles, tinyHandles } from "./views/handles.ts";
import { drawAdapter, showAdapter } from "./views/adapter.ts";
import { showMemory } from "./views/memory.ts";
import { showStop, turns } from "./views/path.ts";
import { Sharing } from "./views/sharing.ts";

let state = parseState(page.location.hash), pasted: ConfigJson | undefined;

const app = new App(state, (steps) => put({ steps }));
const tiny = new TinyApp(state);
const forms = [
  ["handles", lessonHandles],
  ["memory-handles", memoryHandles],
  ["tiny-handles", tinyHandles],
] as const;
const handles = forms.map(([id, list]) => new Handles(element(id), list, change));
const sharing = new Sharing((hide) => {
  put({ hide });
  show();
  redraw(); // What was hidden is drawn in its size.
});

/** Keeps a state, and writes it into the address. */
function put(part: Partial<State>): void {
  state = { ...state, ...part };
  page.history.replaceState(
    null,
    "",
    formatState(state) || page.location.pathname + page.location.search,
  );
  sharing.showLink();
}

function show(): void {
  for (const form of handles) form.show(state);
  element("prompt").value = state.prompt;
  showStop(state.stop);
  sharing.show(state);
}

function redraw(): void {
  app.draw();
  tiny.draw();
  drawAdapter();
}

/** Goes to another state, and stands still there. */
function go(to: State): void {
  put(to);
  show();
  app.restart(state, false);
}

for (const [id, stopAfter] of Object.entries(turns)) {
  element(id).onclick = () => {
    go(stateAt(stopAfter(state.stop), state));
    if (element(id).hidden) element("next").focus(); // The keys' place would be lost.
  };
}

/** A reader has moved a handle. */
function change(part: Partial<State>): void {
  if (tinyHandles.some(({ key }) => key in part)) return changeTiny(part);
  const isOfModel = memoryHandles.some(({ key }) => key in part), isPace = "pace" in part;
  if ("model" in part) pasted = undefined;
  const other = part.width === undefined ? {} : sizesOf(part.width);
  put(fitted({ ...state, ...other, ...part, ...isOfModel || isPace ? {} : { steps: 0 } }));
  show();
  if (isOfModel) recount();
  else if (isPace) app.pace = state.pace;
  else app.restart(state);
}

/** Ranks and α that suit a width. */
function sizesOf(width: State["width"]): Partial<State> {
  const { shiftRank, rank, alpha } = lessonSettings({ width });
  return { shiftRank, rank, alpha };
}

/** The same of the tiny GPT-2, whose pictures alone depend on some. */
function changeTiny(part: Partial<State>): void {
  put(part);
  show();
  if ("site" in part || "prompt" in part) tiny.show(state, "prompt" in part);
  else tiny.restart(state);
}

/** Counting a large model takes a second, so the page says so first. */
function recount(): void {
  element("memory-said").textContent = "Counting …";
  page.requestAnimationFrame(() => setTimeout(count));
}

function count(): void {
  const { model, modelRank: rank, sites, dtype, batch, length } = state;
  const where = sites === "all-linear" ? sites : sites.split(",");
  try {
    const config = pasted ?? catalog[model].config;
    const name = pasted ? "The pasted model" : model;
    showMemory(name, dtype, countMemory({ config, rank, sites: where, dtype, batch, length }));
  } catch (error) {
    showNone((error as Error).message);
  }
}

function showNone(why: string): void {
  for (const id of ["bars", "bytes"]) element(id).innerHTML = "";
  element("memory-said").textContent = `Not counted: ${why}.`;
}

element("count").onclick = () => {
  try {
    const parsed = JSON.parse(element("config").value);
    if (!isRecord(parsed)) throw new SyntaxError("it must be an object");
    pasted = parsed as ConfigJson;
    recount();
  } catch (error) {
    showNone(`the text is no configuration, ${(error as Error).message}`);
  }
};

element("tiny-lines").value = exampleLines.join("\n");
element("prompt").onchange = () => changeTiny({ prompt: element("prompt").value });
element("files").onchange = () => showAdapter([...element("files").files]);

page.addEventListener("hashchange", () => {
  pasted = undefined; // An address names a model.
  sharing.sayUnknown(unknownIn(page.location.hash));
  go(parseState(page.location.hash));
  recount();
  tiny.restart(state);
});
page.addEventListener("resize", redraw);
page.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

sharing.sayUnknown(unknownIn(page.location.hash));
show();
app.restart(state, false);
recount();
