/**
 * One slide at a time: keys, two buttons, and the place in the address; N shows the speaker's notes with a clock.
 * Without it, all slides are one page.
 */

const slides = [...document.querySelectorAll(".slide")];
const [back, next, place, clock] = ["back", "next", "place", "clock"].map((id) =>
  document.getElementById(id)
);
let shown = -1, started = Date.now();

/** Shows a slide; a screen reader continues at its heading. */
function show(number, { focus = true } = {}) {
  const wanted = Math.min(Math.max(number, 0), slides.length - 1);
  if (wanted === shown) return;
  shown = wanted;
  slides.forEach((slide, i) => slide.classList.toggle("shown", i === shown));
  [back.disabled, next.disabled] = [shown === 0, shown === slides.length - 1];
  place.textContent = `${shown + 1} / ${slides.length}`;
  tell();
  history.replaceState(null, "", `#${slides[shown].id}`);
  scrollTo(0, 0);
  if (focus) slides[shown].querySelector("h2").focus({ preventScroll: true });
}

/** Minutes since the notes were opened at the first slide, beside the minute that the plan has. */
function tell() {
  const { minute } = slides[shown].querySelector(".notes").dataset;
  const past = Math.floor((Date.now() - started) / 60_000);
  clock.textContent = `${past} min, plan ${minute}`;
}

/** The notes come and go; on the first slide the clock begins. */
function speak() {
  if (document.documentElement.classList.toggle("speaking") && shown === 0) started = Date.now();
  tell();
}
setInterval(tell, 10_000);

const fromAddress = () => slides.findIndex(({ id }) => `#${id}` === location.hash);

const keys = {
  ArrowRight: () => shown + 1,
  PageDown: () => shown + 1,
  " ": () => shown + 1,
  ArrowLeft: () => shown - 1,
  PageUp: () => shown - 1,
  Home: () => 0,
  End: () => slides.length - 1,
};

document.documentElement.classList.add("live");
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
addEventListener("hashchange", () => show(fromAddress()));
show(Math.max(0, fromAddress()), { focus: false });
