/**
 * Scores counts on the held-out entries with the masks that our encoder gets: the marks that it has to beat.
 *
 *     deno run -A scripts/pretrain_encoder/baselines.ts [FOLDER]
 *
 * @module
 */

import { writeJsonAtomic } from "../../src/storage/files.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { entryRows } from "./entries.ts";
import { NeighborModel } from "./neighbors.ts";
import { heldOutBatches, type MaskedScore } from "./score.ts";

/** A token that was chosen, between its neighbors as the model sees them. */
interface Place {
  readonly token: number;
  readonly left: number;
  readonly right: number;
}

/** Scores what a model says of each place. */
function scoreOf(
  places: readonly Place[],
  probability: (place: Place) => number,
  best: (place: Place) => number,
): MaskedScore {
  const nats = places.reduce((sum, place) => sum - Math.log(probability(place)), 0);
  const right = places.filter((place) => best(place) === place.token).length;
  const tokens = places.length;
  return { nats: nats / tokens, accuracy: right / tokens, tokens };
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-roberta";
  const tokenizer = await loadTokenizer(folder), { vocabularySize } = tokenizer;
  const model = new NeighborModel(await entryRows(tokenizer, "train"), vocabularySize);
  const places = (await heldOutBatches(tokenizer)).flatMap(({ inputs: { tokens }, targets }) =>
    Array.from(targets.data).flatMap((token, at): Place[] => {
      if (token < 0) return [];
      return [{ token, left: tokens.data[at - 1], right: tokens.data[at + 1] }];
    })
  );
  const all = Array.from({ length: vocabularySize }, (_, token) => token);
  const common = all.reduce((a, b) => model.unigram(b) > model.unigram(a) ? b : a);
  const scores = {
    unigram: scoreOf(places, ({ token }) => model.unigram(token), () => common),
    neighbors: scoreOf(
      places,
      ({ token, left, right }) => model.probability(token, left, right),
      ({ left, right }) => model.best(left, right),
    ),
  };
  await writeJsonAtomic(`${folder}/baselines.json`, scores);
  console.log(scores);
}
