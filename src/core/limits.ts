/**
 * The limits of what a file or a server may ask of us. Every limit that is not a matter of
 * mathematics is here, far above what real models have, so that a broken or hostile file gets an
 * error message instead of exhausting memory or time.
 *
 * @module
 */

/** Bytes of a JSON or text file; the largest tokenizers have 35 MB. */
export const mostJsonBytes: number = 256 * 2 ** 20;

/** Bytes of any other file that is read as a whole. */
export const mostFileBytes: number = 2 ** 32;

/** Greatest depth of nesting in JSON; `JSON.parse` takes minutes for 20 MB of brackets. */
export const mostNesting = 512;

/** Bytes of a safetensors header, the format's own limit, and of a GGUF header; one with 262,144 tokens has 16 MB. */
export const mostHeaderBytes = 100_000_000;

/** Tensors of a model, in one file or in all of its shards; the largest have 200,000. */
export const mostTensors: number = 2 ** 20;

/** Bytes of one tensor in a file; the largest embeddings have 9 GB. */
export const mostTensorBytes: number = 2 ** 34;

/** Values of one tensor of a model that is built; kernels bind larger ones in ever more pieces. */
export const mostTensorValues: number = 2 ** 34;

/** Values of an update that is formed as a matrix, in float64: a head of 131,072 tokens by 4,096. */
export const mostDeltaValues: number = 2 ** 29;

/** Characters of a tensor's name. */
export const mostNameLength = 1024;

/** Bytes of the state of a weight in 4 bits, without its scales; real ones have 200. */
export const mostStateBytes: number = 2 ** 16;

/** Axes of a tensor: as many as NumPy has. */
export const mostAxes = 64;

/** Axes of a tensor in a GGUF file: ggml's own limit. */
export const mostGgufAxes = 4;

/** Bytes between places where a GGUF file may put its tensors; published ones have 32. */
export const mostAlignment: number = 2 ** 20;

/** Files of a sharded model; the largest have 200. */
export const mostShards = 2048;

/** Bytes of the index of a sharded model at a URL; the largest have 10 MB. */
export const mostIndexBytes: number = 64 * 2 ** 20;

/** Blocks of an architecture that is listed from its configuration. */
export const mostBlocks = 4096;

/** Rank of VeRA whose matrices are drawn from a key, and not read; the paper has up to 1,024. */
export const mostDrawnRank: number = 2 ** 14;

/** Columns of an attention head: tiles of 8 keys or queries fit a thread's scratch; real ones have hundreds. */
export const mostHeadColumns = 2048;

/** Time of all requests for the headers of one model at a URL, or for the list of a repository, in milliseconds. */
export const mostRemoteMs = 600_000;

/** Time of one answer of a server, in milliseconds. */
export const mostAnswerMs = 30_000;

/**
 * Bytes of a download that must come in each such time: 1 KiB/s, a third of what a modem of 1996 brings, as
 * a server that sends a byte now and then would otherwise never be left.
 */
export const leastAnswerBytes: number = 2 ** 15;

/** Files and folders of a repository on the hub; the largest have thousands. */
export const mostRepositoryFiles = 100_000;

/** Characters of the path of one of them: as many as Linux takes. */
export const mostPathLength = 4096;

/** Pages that the hub lists them on; it puts 1,000 on each. */
export const mostListPages = 1_000;

/** Times that a server may send a request elsewhere. */
export const mostRedirects = 5;

/** Times that a download is taken up again after a connection has broken. */
export const mostResumptions = 5;

/** Threads of a `cpu` device: a kernel keeps 16 busy, and each takes 1 MiB. */
export const mostThreads: number = 256;

/** Tokens of the batch whose memory is predicted: the host holds them, whatever the device. */
export const mostBatchTokens: number = 2 ** 26;

/** Rows of a table of embeddings that is trained: a step makes an index with a number for each row. */
export const mostTrainedRows: number = 2 ** 26;

/** Positions of a slider in a notebook that is given as a range. */
export const mostSliderSteps = 10_000;

/** Groups inside of each other in a pattern; patterns in use have three. */
export const mostPatternDepth = 100;

/** Parts of a pattern with its counted repetitions written out; a list of 100 modules needs 4,000. */
export const mostPatternParts = 5_000;

/**
 * Steps of matching names with all patterns of a setting, about a second; those in use take thousands,
 * 1,000 patterns for 1,000 modules at most this.
 */
export const mostPatternSteps = 4e6;

/** Steps that each character of a name allows beyond that, so that there may be any number of names. */
export const patternStepsPerCharacter = 10;

/** Steps that reading each character of a pattern counts as. */
export const patternStepsToRead = 10;

/** Ids of a tokenizer's tokens are below this; the largest vocabularies have 262,144 tokens. */
export const mostTokenIds: number = 2 ** 24;

/** Ids between a tokenizer's tokens that no token has; the published ones leave out a few hundred. */
export const mostUnusedIds: number = 2 ** 16;

/** Tokens beside a tokenizer's vocabulary; published ones have up to 1,600. */
export const mostAddedTokens = 100_000;

/** Characters of a token; the longest in use is a run of 1,024 spaces (Claude 2). */
export const mostTokenCharacters = 2_048;

/** Characters of a token of a Unigram model, which tries all that begin at a place; SentencePiece has 16. */
export const mostPieceCharacters = 128;

/** Characters of a word that WordPiece cuts, in cubic time; longer ones are unknown. BERT has 100. */
export const mostWordPieceCharacters = 200;

/** Characters of a text for a Unigram model, which takes it as one word. */
export const mostUnigramCharacters = 100_000;

/** Steps of a tokenizer's normalizer, of its pre-tokenizer and of its decoder; those in use have 5. */
export const mostTokenizerSteps = 50;

/** Factor by which such steps may lengthen a text; byte-level ones lengthen by 4. */
export const mostTokenizerGrowth = 1_000;

/** Batches of one step, which are in memory together; runs have a thousand at most. */
export const mostAccumulation: number = 2 ** 16;

/** Texts in a file to train on; the largest public sets of instructions have a million. */
export const mostTextRows: number = 2 ** 22;

/** Characters of one such text: a long novel has three million. */
export const mostTextCharacters: number = 2 ** 23;

/** Different labels in such a file; ImageNet has 1,000. */
export const mostLabels = 4096;

/** Trainings of one sweep: lists that are crossed make many of a few lines. */
export const mostSweepRuns = 10_000;

/** Tokens of a text that is scored, as some metrics take the product of two lengths; a paper has 10,000. */
export const mostScoredTokens = 10_000;

/** Pairs of matching words in two texts that METEOR aligns; a summary of 1,000 words has 30,000 with another. */
export const mostWordMatches: number = 2 ** 17;

/** Bytes of a request to the server; encoding so long a text without a space takes seconds. */
export const mostRequestBytes: number = 2 ** 18;

/** Parts in which a request may come to the server, of which each costs microseconds, and memory, however small it is. */
export const mostRequestParts: number = 2 ** 12;

/** Bytes after which a request that is refused is cut off, though its client has not read yet that it is. */
export const mostPassedBytes: number = 2 ** 20;

/** Requests that the server answers at once: while they arrive they have 1 GiB. */
export const mostServedRows: number = 2 ** 12;

/** Time for a request to arrive at the server, in milliseconds. */
export const mostArrivalMs = 60_000;

/** Time for which a connection to the server may be without a request, in milliseconds. */
export const mostIdleMs = 60_000;

/** Bytes of answers that a client of the server has not read yet when it asks for more. */
export const mostUnreadBytes: number = 2 ** 20;

/** Connections to the server beside those of requests that it answers or lets wait, which it can tell to come again. */
export const mostOtherConnections = 64;

/** Time for which a server that ends still refuses requests, as clients send the next one right away, in milliseconds. */
export const refusingMs = 200;

/** Time for clients to read their answers when a server ends or refuses them, in milliseconds. */
export const mostClosingMs = 2_000;

/** Adapters that the server has at once; S-LoRA's authors serve 2,000. */
export const mostServedAdapters = 2048;

/** Texts that end an answer; OpenAI's interface has up to four. */
export const mostStops = 4;
