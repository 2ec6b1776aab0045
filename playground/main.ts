/** The page: handles, the planted shift, the tiny GPT-2 and the memory of a model. @module */

import { App } from "./app.ts";
import { Handles } from "./controls.ts";
import { element, page } from "./dom.ts";
import { lessonSettings } from "../src/lesson/lesson.ts";
import { refuseOtherDrops, takeDrops } from "./drop.ts";
import { MemoryApp } from "./memory_app.ts";
import { unpacked } from "./packed.ts";
import { keepValue } from "./kept.ts";
import { fitted, formatState, parseState, type State, stateAt, unknownIn } from "./state.ts";
import { TinyApp } from "./tiny_app.ts";
import { exampleLines } from "./tiny/settings.ts";
import { lessonHandles, memoryHandles, tinyHandles } from "./views/handles.ts";
import { drawAdapter, showAdapter } from "./views/adapter.ts";
import { showBlock } from "./views/block.ts";
import { showStop, turnAnswer, turns } from "./views/path.ts";
import { besideTurned, showFigures, showTwo } from "./views/planted.ts";
import { Sharing } from "./views/sharing.ts";

let state = parseState(page.location.hash);

const app = new App(state, (steps) => put({ steps }));
const tiny = new TinyApp(state);
const memory = new MemoryApp(state);
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
  showStop(state);
  showFigures(state);
  showTwo(state);
  sharing.show(state);
  showBlock("memory-block", state.sites);
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

element("stop-why").onclick = () => turnAnswer(state);

element("stop-again").onclick = () => {
  go(stateAt(state.stop, state));
  element("next").focus();
};

element("two").onclick = () => {
  put(fitted({ ...state, ...besideTurned(state), steps: 0 }));
  show();
  app.restart(state, true);
};

/** A reader has moved a handle. */
function change(part: Partial<State>): void {
  if (tinyHandles.some(({ key }) => key in part)) return changeTiny(part);
  const isOfModel = memoryHandles.some(({ key }) => key in part), isPace = "pace" in part;
  const other = part.width === undefined ? {} : sizesOf(part.width);
  put(fitted({ ...state, ...other, ...part, ...isOfModel || isPace ? {} : { steps: 0 } }));
  show();
  if ("model" in part) memory.open(state);
  else if (isOfModel) memory.change(state);
  else if (isPace) app.pace = state.pace;
  else app.restart(state);
}

/** Ranks and α that suit a width. */
function sizesOf(width: State["width"]): Partial<State> {
  const { shiftRank, rank, alpha } = lessonSettings({ width });
  return { shiftRank, rank, alpha };
}

/** Changes settings of the tiny GPT-2; only those that its training depends on restart it. */
function changeTiny(part: Partial<State>): void {
  put(part);
  show();
  if ("site" in part || "prompt" in part) tiny.show(state, "prompt" in part);
  else tiny.restart(state);
}

showBlock("tiny-block", "q,v");
keepValue("tiny-lines", exampleLines.join("\n"));
element("prompt").onchange = () => changeTiny({ prompt: element("prompt").value });
element("files").onchange = () => showAdapter([...element("files").files]);
element("ours").onclick = async () =>
  showAdapter(await unpacked(JSON.parse(element("our-adapter").textContent)));
takeDrops("adapter", showAdapter);
refuseOtherDrops();

page.addEventListener("hashchange", () => {
  sharing.sayUnknown(unknownIn(page.location.hash));
  go(parseState(page.location.hash));
  memory.open(state);
  tiny.restart(state);
});
page.addEventListener("resize", redraw);
page.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

sharing.sayUnknown(unknownIn(page.location.hash));
show();
page.document.querySelector("main").className = "built"; // From here on nothing moves.
app.restart(state, false);
