/**
 * Models: GPT-2, BERT, RoBERTa, DeBERTa, Llama and its relatives, their files, and generation.
 *
 * @module
 */

export type { EncoderConfig } from "../architectures/families/bert.ts";
export type { Block } from "./pack.ts";
export type { FourBitCode, FourBitForm } from "../quant/quantized_tensor.ts";
export { type BeamOptions, beamSearch, type Hypothesis } from "./generate/beam_search.ts";
export {
  complete,
  type CompleteOptions,
  completionText,
  generate,
  type GenerateOptions,
  type SamplingOptions,
  usualLength,
} from "./generate/generate.ts";
export {
  type GreedyOptions,
  sampleTogether,
  type SampleTogetherOptions,
} from "./generate/greedy_batch.ts";
export { type Gpt2Config, parseGpt2Config } from "../architectures/families/gpt2.ts";
export type { LlamaConfig } from "../architectures/families/llama.ts";
export { Bert } from "./families/bert.ts";
export { Deberta } from "./families/deberta.ts";
export { Gpt2 } from "./families/gpt2.ts";
export { Llama } from "./families/llama.ts";
export { initEncoder, initGpt2 } from "./init.ts";
export { fourBitFormsIn, loadModel, type LoadModelOptions, readConfig } from "./files.ts";
export { headModules, labelsOf, labelsOfConfig } from "./labels.ts";
export { type QuantizedFolder, type QuantizedKind, quantizeFolder } from "./quantize_folder.ts";
export { type SavedAlong, saveModel } from "./save_model.ts";
export { allocateModel, anyRunnable, completeConfig, runnableTypes } from "./registry.ts";
export type { StorageOptions, StoredForm } from "./storage/form.ts";
export { type QuantizationConfig, quantizationOf } from "./storage/four_bit.ts";
export { type StoredForms, storedForms } from "./stored_forms.ts";
export { ModelLayers, type StoredTensors } from "./layers.ts";
export {
  type AdapterValues,
  type AppliedAdapter,
  countTrainable,
  type ForwardOptions,
  type Model,
  type ModelOptions,
  type ModelOrigin,
  type PassRows,
  promptFormatOf,
  recordedFormat,
  type TextModelOptions,
  trainableOf,
} from "./model.ts";
export type { Head } from "./heads.ts";
export {
  accuracyOf,
  accuracyOn,
  exactOn,
  outputsOf,
  type RightAnswers,
  rightAnswersOn,
  type RightAnswersOptions,
} from "./outputs.ts";
export type { PassInputs, SharedPlaces, TextInputs } from "./inputs.ts";
export { Perceptron, type PerceptronShape } from "./families/perceptron.ts";
export { TextModel } from "./text_model.ts";
export type { ModelInputs, PromptFormat } from "../core/batch.ts";
