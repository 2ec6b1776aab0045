/** The search for the best alignment of an output with a reference. @module */

import { allMatches, type Match, type WordPair } from "./matches.ts";
import type { MeteorTables } from "./tables.ts";

/** How many partial alignments the search keeps. */
const beam = 40;

/**
 * The alignment in which most words are matched exactly, then in the fewest chunks, then over the shortest
 * distance, as far as a beam of 40 finds it. Matches that nothing else overlaps are certain.
 *
 * The search does what METEOR 1.5 does, whose results it has to give. So a match that is not exact counts
 * half of its length, but rounded down: one of single words counts nothing in the search; and a distance is
 * added to what a path becomes without the match.
 *
 * Source: `Aligner.java` of METEOR 1.5.
 *
 * @returns The matches in the order of the reference.
 */
export function align(pair: WordPair, tables: MeteorTables): Match[] {
  const matches = allMatches(pair, tables);
  let paths = [Path.start(pair, certainOf(matches, pair))];
  for (let at = 0; at < matches.length; at++) {
    const tried = paths.sort(comparePaths).slice(0, beam);
    paths = tried.flatMap((path) => path.advance(at, matches[at]));
    if (paths.length === 0) paths = tried.slice(0, 1);
  }
  const finished = paths.sort(comparePaths).slice(0, beam);
  for (const path of finished) path.closeChunk();
  return finished.sort(comparePaths)[0].chosen.filter((match) => match !== undefined);
}

/** Matches of words that no other match has. */
function certainOf(matches: readonly (readonly Match[])[], pair: WordPair): Match[] {
  const inReference = pair.reference.map(() => 0), inOutput = pair.output.map(() => 0);
  for (const match of matches.flat()) {
    for (const i of referencePlaces(match)) inReference[i]++;
    for (const i of outputPlaces(match)) inOutput[i]++;
  }
  return matches.flatMap((list) => list.length === 1 ? list : []).filter((match) =>
    referencePlaces(match).every((i) => inReference[i] === 1) &&
    outputPlaces(match).every((i) => inOutput[i] === 1)
  );
}

const referencePlaces = ({ start, length }: Match): number[] =>
  Array.from({ length }, (_, i) => start + i);

const outputPlaces = ({ outputStart, outputLength }: Match): number[] =>
  Array.from({ length: outputLength }, (_, i) => outputStart + i);

function comparePaths(a: Path, b: Path): number {
  return b.matched - a.matched || a.chunks - b.chunks || a.distance - b.distance;
}

/** A partial alignment: what was chosen for the words of the reference up to some place. */
class Path {
  /** The match chosen at each word of the reference; certain ones are there from the start. */
  readonly chosen: (Match | undefined)[];
  /** Words matched, in both texts, as the search counts them. */
  matched = 0;
  /** Spans that are contiguous in both texts. */
  chunks = 0;
  /** Sum of how far matches are from the same place. */
  distance = 0;
  readonly #usedInReference: boolean[];
  readonly #usedInOutput: boolean[];
  /** The word of the reference that is next. */
  #next = 0;
  /** Where the last match ends in the output, if the word before this one is matched. */
  #lastEnd?: number;

  private constructor(chosen: Path["chosen"], inReference: boolean[], inOutput: boolean[]) {
    this.chosen = chosen;
    this.#usedInReference = inReference;
    this.#usedInOutput = inOutput;
  }

  /** The path that has only the certain matches. */
  static start({ output, reference }: WordPair, certain: readonly Match[]): Path {
    const free = (words: readonly string[]) => words.map(() => false);
    const path = new Path(reference.map(() => undefined), free(reference), free(output));
    for (const match of certain) path.#use(match);
    return path;
  }

  /** What this path may become at a word of the reference; without a match it is this very path. */
  advance(at: number, matches: readonly Match[]): Path[] {
    if (this.#usedInReference[at]) {
      if (at < this.#next) return [this];
      const certain = this.chosen[this.#next];
      if (!certain) return [];
      this.#count(certain);
      this.distance += distanceOf(certain);
      return [this];
    }
    const extended = matches.filter((match) => !this.#isUsed(match)).map((match) => {
      const path = this.#copy();
      path.#use(match);
      path.#count(match);
      this.distance += distanceOf(match);
      return path;
    });
    this.closeChunk();
    this.#next++;
    return [...extended, this];
  }

  /** Ends the chunk of the last match, if it is open. */
  closeChunk(): void {
    if (this.#lastEnd !== undefined) this.chunks++;
    this.#lastEnd = undefined;
  }

  #count(match: Match): void {
    const weight = match.module === "exact" ? 1 : 0.5;
    this.matched += Math.trunc(match.outputLength * weight) + Math.trunc(match.length * weight);
    if (this.#lastEnd !== undefined && match.outputStart !== this.#lastEnd) this.chunks++;
    this.#next = match.start + match.length;
    this.#lastEnd = match.outputStart + match.outputLength;
  }

  #copy(): Path {
    const path = new Path([...this.chosen], [...this.#usedInReference], [...this.#usedInOutput]);
    path.matched = this.matched;
    path.chunks = this.chunks;
    path.distance = this.distance;
    path.#next = this.#next;
    path.#lastEnd = this.#lastEnd;
    return path;
  }

  #isUsed(match: Match): boolean {
    return referencePlaces(match).some((i) => this.#usedInReference[i]) ||
      outputPlaces(match).some((i) => this.#usedInOutput[i]);
  }

  #use(match: Match): void {
    for (const i of referencePlaces(match)) this.#usedInReference[i] = true;
    for (const i of outputPlaces(match)) this.#usedInOutput[i] = true;
    this.chosen[match.start] = match;
  }
}

const distanceOf = ({ start, outputStart }: Match): number => Math.abs(start - outputStart);
