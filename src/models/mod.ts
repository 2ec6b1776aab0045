/** Models: GPT-2, BERT, RoBERTa, DeBERTa, Llama and its relatives, their files, and generation. @module */

export type { FourBitCode } from "../quant/quantized_tensor.ts";
export type { FourBitForm } from "../quant/quantized_tensor.ts";
export { type BeamOptions, beamSearch, type Hypothesis } from "./generate/beam_search.ts";
export {
  complete,
  type CompleteOptions,
  completionText,
  usualLength,
} from "./generate/generate.ts";
export { generate, type GenerateOptions } from "./generate/generate.ts";
export { type Gpt2Config, parseGpt2Config } from "../architectures/families/gpt2.ts";
export { Bert } from "./families/bert.ts";
export { Deberta } from "./families/deberta.ts";
export { Gpt2 } from "./families/gpt2.ts";
export { Llama } from "./families/llama.ts";
export { initEncoder, initGpt2 } from "./init.ts";
export { loadModel, type LoadModelOptions, readConfig } from "./files.ts";
export { fourBitFormsIn } from "./files.ts";
export { headModules, labelsOf, labelsOfConfig } from "./labels.ts";
export { type QuantizedFolder, type QuantizedKind, quantizeFolder } from "./quantize_folder.ts";
export { type SavedAlong, saveModel } from "./save_model.ts";
export { allocateModel, anyRunnable, completeConfig, runnableTypes } from "./registry.ts";
export { type QuantizationConfig, quantizationOf } from "./stored_forms.ts";
export {
  type StorageOptions,
  type StoredForm,
  type StoredForms,
  storedForms,
} from "./stored_forms.ts";
export { ModelLayers, type StoredTensors } from "./layers.ts";
export {
  type AdapterValues,
  type AppliedAdapter,
  countTrainable,
  type ForwardOptions,
  type Model,
  type PassRows,
  promptFormatOf,
  recordedFormat,
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
export type { SamplingOptions } from "./generate/generate.ts";
export type { PassInputs, SharedPlaces, TextInputs } from "./inputs.ts";
export { Perceptron, type PerceptronShape } from "./families/perceptron.ts";
export type { ModelOptions, ModelOrigin, TextModelOptions } from "./model.ts";
export { TextModel } from "./text_model.ts";
export type { ModelInputs } from "../core/batch.ts";
export type { PromptFormat } from "../core/batch.ts";
