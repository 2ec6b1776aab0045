/** The palette of all figures; color-blind readers can tell its colors apart (after Okabe and Ito). @module */

/** Colors of what is compared. */
export const palette = {
  base: "#6b7280",
  full: "#d55e00",
  lora: ["#56b4e9", "#0072b2", "#003f6b"],
  merged: "#009e73",
  paper: "#a16207",
  /** Ends of a signed scale beside these: positive, negative. */
  signed: ["#7b3294", "#b8860b"],
  /** Things of one kind, in any order. */
  series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"],
} as const;

/** Colors of the memory roles, in the ledger's order. */
export const roleColors: Readonly<Record<string, string>> = {
  weight: "#6b7280",
  quantized: "#a3a3a3",
  adapter: "#0072b2",
  gradient: "#e69f00",
  optimizer: "#7b3294",
  activation: "#009e73",
  scratch: "#cc79a7",
};

/** Colors of AdamW, SGD, momentum, 8-bit Adam and Adafactor. */
export const optimizerColors: readonly string[] = [
  "#d55e00",
  "#6b7280",
  "#e69f00",
  "#0072b2",
  "#009e73",
];
