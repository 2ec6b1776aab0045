/** How GGUF files store values. @module */

/** The names of the types that can be read. */
export type GgufTypeName = "F32" | "F16" | "BF16" | "Q4_0" | "Q4_1" | "Q8_0";

/** A type of stored values. */
export interface GgufType {
  /** Its name in ggml. */
  readonly name: GgufTypeName;
  /** Values of a block: those that share a scale. */
  readonly blockValues: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
}

/** Those that can be read, by their ids in a file. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map([
  [0, { name: "F32", blockValues: 1, blockBytes: 4 }],
  [1, { name: "F16", blockValues: 1, blockBytes: 2 }],
  [2, { name: "Q4_0", blockValues: 32, blockBytes: 18 }],
  [3, { name: "Q4_1", blockValues: 32, blockBytes: 20 }],
  [8, { name: "Q8_0", blockValues: 32, blockBytes: 34 }],
  [30, { name: "BF16", blockValues: 1, blockBytes: 2 }],
]);

/** Some of the others, for messages. */
const others: Readonly<Record<number, string>> = {
  6: "Q5_0",
  7: "Q5_1",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  20: "IQ4_NL",
  23: "IQ4_XS",
  24: "I8",
  26: "I32",
  28: "F64",
};

/** The end of a sentence about a type that cannot be read: the ones that can, and the one found. */
export function typeNamed(id: number): string {
  const known = Array.from(ggufTypes.values(), ({ name }) => name).join(", ");
  return `${known}, found ${others[id] ?? id}`;
}
