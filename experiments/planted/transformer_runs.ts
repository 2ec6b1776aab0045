/** Runs of students that learn a low-rank shift planted in some sites of the small base. @module */

import { type LoraSite, type PlantedShift, plantShift } from "../../src/adapt/mod.ts";
import { similarityGrid, updateDirections } from "../../src/analysis/mod.ts";
import { klDivergence } from "../../src/autograd/mod.ts";
import { mean } from "../../src/core/numbers.ts";
import { encodeDocuments, loadPretrainingText, randomWindows } from "../../src/data/mod.ts";
import { tokenStream } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { svd } from "../../src/linalg/mod.ts";
import { type Model, type ModelInputs, outputsOf, type TextModel } from "../../src/models/mod.ts";
import type { JsonRecord } from "../../src/runs/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";
import { baseFolder, baseIdentity, loadBase } from "../base_model.ts";
import { planRun } from "../frame/mod.ts";

/** A student of a planted shift. */
export interface TransformerRun {
  readonly planted: PlantedShift; // what the teacher has and the base has not
  readonly sites: readonly string[]; // sites that the student adapts
  readonly rank: number; // rank at each of them
  readonly seed: number; // seed of the batches and of A
}

/** Token streams that the base was not trained on: some documents to train on, others to measure on. */
export type TextSource = () => Promise<Readonly<Record<"train" | "heldOut", Uint32Array>>>;

/** Reads the text once, on first use. */
export function textSource(): TextSource {
  let text: ReturnType<TextSource> | undefined;
  const read = async () => {
    const [tokenizer, { heldOut }] = [await loadTokenizer(baseFolder), await loadPretrainingText()];
    const part = (rest: number) => heldOut.filter((_, index) => index % 2 === rest);
    const stream = (rest: number) => tokenStream(encodeDocuments(tokenizer, part(rest)));
    return { train: stream(0), heldOut: stream(1) };
  };
  return () => text ??= read();
}

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2;
const size = { batch: 8, length: 32 };

/** Chooses the windows that are measured on, the same for every run. */
const evaluationSeed = 2021;

/** One run, whose targets are a teacher's outputs, computed batch by batch. */
export function planTransformer(chosen: TransformerRun, source: TextSource, quick: boolean) {
  const { planted, sites, rank, seed } = chosen;
  const { steps, evaluationBatches } = quick
    ? { steps: 5, evaluationBatches: 2 }
    : { steps: 300, evaluationBatches: 16 };
  const label = `${planted.sites} planted, ${sites} adapted, r = ${rank}, seed ${seed}`;
  return planRun({
    ...{ label, steps, chosen },
    spec: async ({ kind: device }) => ({
      model: await baseIdentity(),
      method: { kind: "lora", rank, alpha: rank, sites },
      data: { kind: "planted shift", planted: { ...planted }, ...size, evaluationBatches },
      training: { objective: "kl-divergence", learningRate, steps, schedule: "cosine" },
      ...{ seed, device },
    }),
    open(device, owned) {
      let teacher: Promise<Teacher> | undefined;
      const openTeacher = () => teacher ??= plantedBase(device, planted, owned);
      return {
        openModel: () => loadBase(device),
        openBatches: async () => {
          const windows = randomWindows((await source()).train, { ...size, seed });
          return taught((await openTeacher()).model, windows);
        },
        measure: async (student) => {
          const options = { ...size, seed: evaluationSeed };
          const windows = randomWindows((await source()).heldOut, options);
          return await measure(student, await openTeacher(), windows.take(evaluationBatches));
        },
      };
    },
  });
}

type Teacher = Awaited<ReturnType<typeof plantedBase>>;

/** The base with shifts, and the shifts by their site's name. */
async function plantedBase(device: Device, planted: PlantedShift, owned: DisposableStack) {
  const model = owned.use(await loadBase(device));
  return { model, shifts: await plantShift(model, planted) };
}

/** Batches with the teacher's outputs as targets. */
async function* taught(
  teacher: Model<ModelInputs>,
  batches: Iterable<Batch>,
): AsyncGenerator<Batch> {
  for (const { inputs } of batches) yield { inputs, targets: await outputsOf(teacher, inputs) };
}

/**
 * Divergence from the teacher on held-out text, of the student and of the base, and how much of the planted
 * directions raw ΔW shows.
 */
async function measure(
  student: TextModel,
  teacher: Teacher,
  windows: Iterable<Batch>,
): Promise<JsonRecord> {
  const batches = await Array.fromAsync(taught(teacher.model, windows));
  const divergence = async (model: TextModel) =>
    (await evaluate(model, batches, { loss: klDivergence })).loss;
  using base = await loadBase(student.device);
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    similarity: await meanSimilarity(student, teacher),
  };
}

/** Mean of φ(min(r, r*), r*) between ΔW and D over the sites that have both; absent where none has. */
async function meanSimilarity(
  student: TextModel,
  { shifts }: Teacher,
): Promise<number | undefined> {
  const modules = student.linears.flatMap(({ adaptations }) => adaptations as LoraSite[]);
  const shared = modules.filter(({ name }) => shifts.has(name));
  const found = await Promise.all(shared.map(async ({ name, A, B, scaling }) => {
    const [a, b] = await student.device.read(A.tensor, B.tensor);
    const { right } = updateDirections({ A: a, B: b, scaling });
    const { values, right: planted } = svd(shifts.get(name)!);
    const rank = values.filter((value) => value > 1e-9 * values[0]).length;
    return similarityGrid(right, planted)[Math.min(right.rows, rank) - 1][rank - 1];
  }));
  return found.length === 0 ? undefined : mean(found);
}
