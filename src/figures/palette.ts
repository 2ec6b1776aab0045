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

/** A kind of method: how its names begin, and its colors, which methods of one kind take in turn. */
interface MethodKind {
  readonly names: RegExp;
  readonly shades: readonly string[];
}

/** The kinds of methods that figures compare; a name is of the first kind that fits. */
export const methodKinds = {
  baseline: { names: /^(the )?base\b/i, shades: [palette.base, "#a3a3a3"] },
  full: { names: /^(full|FT)\b(?![ -]rank)/i, shades: [palette.full, "#8a3c00"] },
  "LoRA and prefix": { names: /^LoRA\b.* and prefix/i, shades: ["#7b3294", "#b07cc6"] },
  LoRA: {
    names: /^LoRA\b(?![+-])/i,
    shades: [palette.lora[1], palette.lora[0], palette.lora[2]],
  },
  merged: { names: /^merged\b/i, shades: [palette.merged, "#7fd1b9"] },
  biases: { names: /^(BitFit|biases)\b/i, shades: [palette.series[3], "#7d3560"] },
  adapter: { names: /^adapter(s| layers?)\b/i, shades: [palette.series[4], "#8a5a00"] },
  prefix: { names: /^prefix\b/i, shades: [palette.series[2], "#00563f"] },
} as const satisfies Readonly<Record<string, MethodKind>>;

const kinds: readonly MethodKind[] = Object.values(methodKinds);

/**
 * Colors by name, so that a method has its own in every figure: those of its kind, and for all other names the
 * series in its order, without what a method of the figure has.
 */
export function colorsOf(names: readonly string[]): string[] {
  const colors: string[] = [];
  const give = (kind: MethodKind | undefined, shadesFor: (count: number) => readonly string[]) => {
    const places = names.flatMap((name, place) => kindOf(name) === kind ? [place] : []);
    const shades = shadesFor(places.length);
    places.forEach((place, i) => colors[place] = shades[i % shades.length]);
  };
  const unused = (color: string) => !colors.includes(color);
  for (const kind of kinds) {
    const free = kind.shades.filter(unused);
    give(kind, (count) => count <= free.length ? free : mixed(kind.shades, count));
  }
  give(undefined, () => [...palette.series, ...palette.signed].filter(unused));
  return colors;
}

/** The kind of method that a name in a figure is of, if it is one. */
export const kindOf = (name: string): MethodKind | undefined =>
  kinds.find(({ names }) => names.test(name));

/** Colors from the last but one of some to the last. */
export function mixed(colors: readonly string[], count: number): string[] {
  const [from, to] = colors.slice(-2).map((hex) =>
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  );
  return Array.from({ length: count }, (_, i) => {
    const parts = from.map((one, c) => Math.round(one + i / (count - 1) * (to[c] - one)));
    return `rgb(${parts.join()})`;
  });
}

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
