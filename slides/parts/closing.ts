/** After the lesson: code, what came since, what to keep, and where to read. @module */

import { codeHtml, listHtml, textTable } from "../drawing.ts";
import type { Slide } from "../slide.ts";

const inPeft = `
model = AutoModelForCausalLM.from_pretrained(base)
model = get_peft_model(model, LoraConfig(
    r=8, lora_alpha=16,
    target_modules=["q_proj", "v_proj"]))
Trainer(model, args, train_dataset=data).train()
model.save_pretrained("out")
merged = model.merge_and_unload()
`;

const here = `
const model = await loadModel(device, base);
const adapter = injectLora(model, {
  rank: 8, alpha: 16,
  sites: ["q", "v"], seed: 1 });
await train(adapter, data).finish();
await adapter.save("out");
const merged = merge(model, adapter);
`;

/** The same program twice. */
export const codeSlide: Slide = {
  minute: 14,
  title: "The same in a program: PEFT, and Lowrank",
  text: ["What is saved is the same folder: each loads the other's."],
  figure: codeHtml({ "PEFT (Python)": inPeft, "Lowrank (TypeScript)": here }),
  caption: "Loading the data is left out; q and v have other names in other families.",
  notes: "For those who know PEFT. The four ideas are the four calls: load, inject, train, merge.",
};

const since = [
  ["QLoRA", "2023", "the frozen base in 4 bits", "2305.14314"],
  ["AdaLoRA", "2023", "a rank for each matrix, found while training", "2303.10512"],
  ["rsLoRA", "2023", "α / √r in place of α / r", "2312.03732"],
  ["LoRA+", "2024", "a larger learning rate for B", "2402.12354"],
  ["DoRA", "2024", "direction and magnitude apart", "2402.09353"],
  ["PiSSA", "2024", "begins at the top directions of W₀", "2404.02948"],
  ["VeRA", "2023", "A and B shared and frozen, two vectors trained", "2310.11454"],
];

/** Variants of LoRA. */
const sinceSlide: Slide = {
  minute: 85,
  title: "What came since: each changes one thing",
  text: ["Notebook 12 tries QLoRA, DoRA, PiSSA and LoRA+, ten lines each."],
  figure: textTable("Variants", ["name", "year", "what is different", "arXiv"], since),
  notes: "Do not read the table. Ask which of the four letters, W₀, s, B, A, each line touches.",
};

const takeaways = [
  "The weight stays; two thin matrices learn its change.",
  "B begins at zero: at first the model is the base, and yet gradients flow.",
  "Memory falls by gradients and moments of what is frozen, not by 10,000 times.",
  "Compare each method at its own best learning rate, by a rule written before the run.",
  "No similarity without its chance value.",
];

/** Five sentences. */
const lastSlide: Slide = {
  minute: 87,
  title: "Five sentences to take home",
  text: [],
  figure: listHtml(takeaways),
  caption: "The quiz, questions 1, 4 and 9; then the exercises at home.",
  notes:
    "Let five students read one each. After notebook 07: “the same adapters, the same rule, two spaces, " +
    "two answers. Neither is a lie.” What would you print in a paper?",
};

const works = [
  ["LoRA", "Hu et al. 2021", "2106.09685"],
  ["Intrinsic dimension", "Aghajanyan et al. 2020", "2012.13255"],
  ["Adapter layers", "Houlsby et al. 2019", "1902.00751"],
  [
    "LoRA without regret",
    "Schulman et al. 2025",
    "thinkingmachines.ai",
  ],
  ["Intruder dimensions", "Shuttleworth et al. 2024", "2410.21228"],
  ["Learns less, forgets less", "Biderman et al. 2024", "2405.09673"],
];

/** Works of others. */
const readSlide: Slide = {
  minute: 90,
  title: "To read on",
  text: ["All findings of Lowrank, each with its rule: docs/findings.md."],
  figure: textTable("References", ["work", "by", "arXiv or address"], works),
  notes: "Leave it on the screen while they go.",
};

/** The end. */
export const closingSlides: readonly Slide[] = [sinceSlide, lastSlide, readSlide];
