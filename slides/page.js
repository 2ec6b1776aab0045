/**
 * One slide at a time: keys, two buttons, and the place in the address, as `#14` or `#slide-14`; N shows the
 * speaker's notes with a clock. A button, or `#forty-five-minutes` in the address, leaves the slides of the cut
 * alone. Without the script, all slides are one page.
 */

const slides = [...document.querySelectorAll(".slide")];
const [back, next, place, clock, short] = ["back", "next", "place", "clock", "forty-five-minutes"]
  .map((id) => document.getElementById(id));
const page = document.documentElement, first = 0, last = slides.length - 1;
let shown = -1, started = Date.now(), isCut = false;

const notesOf = (slide) => slide.querySelector(".notes");

/** The minute of a slide in the plan that is followed. */
const minuteOf = (slide) => notesOf(slide).dataset[isCut ? "cut" : "minute"];

/** The slide to show for a wanted one: the cut leaves some out, in the direction of the step. */
function inPlan(number) {
  const step = number < shown ? -1 : 1;
  let wanted = Math.min(Math.max(number, first), last);
  while (minuteOf(slides[wanted]) === undefined) wanted += step;
  return wanted;
}

/** Shows a slide; a screen reader continues at its heading. */
function show(number, { focus = true } = {}) {
  const wanted = inPlan(number);
  if (wanted === shown) return;
  shown = wanted;
  slides.forEach((slide, i) => slide.classList.toggle("shown", i === shown));
  [back.disabled, next.disabled] = [shown === first, shown === last];
  place.textContent = `${shown + 1} / ${slides.length}`;
  tell();
  history.replaceState(null, "", `#${slides[shown].id}`);
  scrollTo(0, 0);
  if (focus) slides[shown].querySelector("h2").focus({ preventScroll: true });
}

/** Minutes since the notes were opened at the first slide, beside the minute that the plan has. */
function tell() {
  const past = Math.floor((Date.now() - started) / 60_000);
  clock.textContent = `${past} min, plan ${minuteOf(slides[shown])}`;
}

/** Follows the plan of 45 minutes, or of ninety. */
function cut(isWanted) {
  isCut = isWanted;
  page.classList.toggle("cut", isCut);
  short.setAttribute("aria-pressed", `${isCut}`);
  for (const slide of slides) {
    notesOf(slide).querySelector("span").textContent = minuteOf(slide) ?? "";
  }
  if (shown < 0) return;
  show(shown);
  tell();
}

/** The notes come and go; on the first slide the clock begins. */
function speak() {
  if (page.classList.toggle("speaking") && shown === first) started = Date.now();
  tell();
}
setInterval(tell, 10_000);

const fromAddress = () =>
  slides.findIndex(({ id }, i) => [`#${id}`, `#${i + 1}`].includes(location.hash));
const asksForCut = () => location.hash === `#${short.id}`;

const keys = {
  ArrowRight: () => shown + 1,
  PageDown: () => shown + 1,
  " ": () => shown + 1,
  ArrowLeft: () => shown - 1,
  PageUp: () => shown - 1,
  Home: () => first,
  End: () => last,
};

page.classList.add("live");
document.querySelector("nav").hidden = false;
addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey) return;
  if (key === "n") return speak();
  if (!(key in keys)) return;
  if (key === " " && target.closest?.("button")) return; // it presses the button
  event.preventDefault();
  show(key === " " && event.shiftKey ? shown - 1 : keys[key]());
});
document.getElementById("speak").addEventListener("click", speak);
back.addEventListener("click", () => show(shown - 1, { focus: false }));
next.addEventListener("click", () => show(shown + 1, { focus: false }));
short.addEventListener("click", () => cut(!isCut));
addEventListener("hashchange", () => asksForCut() ? cut(true) : show(fromAddress()));
cut(asksForCut());
show(Math.max(first, fromAddress()), { focus: false });
