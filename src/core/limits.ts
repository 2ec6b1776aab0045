/**
 * The most that a file or a server may ask of us. Every limit that is not a matter of mathematics is
 * here, far above what real models have, so that a broken or hostile file ends in a sentence.
 *
 * @module
 */

/** Bytes of a JSON file; the largest tokenizers have 35 MB. */
export const mostJsonBytes: number = 256 * 2 ** 20;

/** Groups inside of each other in a pattern; patterns in use have three. */
export const mostPatternDepth = 100;

/** Parts of a pattern with its counted repetitions written out; a list of 100 modules needs 4,000. */
export const mostPatternParts = 5_000;

/** Steps of matching names with all patterns of a setting, a second; those in use take thousands. */
export const mostPatternSteps = 5e6;

/** Steps that each character of a name allows beyond that, so that there may be any number of names. */
export const patternStepsPerCharacter = 50;
