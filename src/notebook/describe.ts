/**
 * Turns any value into the parts that are shown of it: tables, text and figures for the toolkit's
 * classes and for plain records, which are recognized by their fields.
 *
 * @module
 */

import type { Finding, Outcome } from "../../experiments/mod.ts";
import type { Formula } from "../accounting/mod.ts";
import { LoraAdapter } from "../adapt/lora/adapter.ts";
import type { MergeReport, SiteSpectrum } from "../adapt/mod.ts";
import type { Spectrum } from "../analysis/mod.ts";
import { Parameter } from "../autograd/parameter.ts";
import type { Batch } from "../core/batch.ts";
import { howMany } from "../core/numbers.ts";
import { formatShape, type HostTensor, sizeOf } from "../core/tensor.ts";
import { PromptedBatches } from "../data/mod.ts";
import { BaseDevice } from "../device/base.ts";
import { Tensor } from "../device/device.ts";
import { Ledger, roles } from "../device/ledger.ts";
import { axis, baseLayout, type DataTable, type Figure, palette } from "../figures/figure.ts";
import { formatValue } from "../figures/format.ts";
import { plot } from "../figures/marks.ts";
import type { Picture } from "../figures/pictures.ts";
import { table } from "../figures/table.ts";
import { alphaOf, type LowRankUpdate, type PeftAdapter, siteName } from "../formats/mod.ts";
import { LiveSpectra, sitesOverSteps, spectraFigure, trainingSpectrum } from "../inspect/mod.ts";
import { countTrainable, type Model, TextModel } from "../models/mod.ts";
import { History, Training } from "../train/mod.ts";
import type { Part, Tex } from "./part.ts";

// Any value.

/** The parts that are shown of a value: at least one. */
export async function describe(value: unknown): Promise<readonly Part[]> {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [inspect(value)];
  if (Array.isArray(value)) return await describeArray(value);
  if (isFinding(value)) return [findingTable([value])];
  if (isTensorLike(value)) return [describeTensor(value)];
  return await describeClass(value) ?? await describeRecord(value) ?? [inspect(value)];
}

/** Numbers stay an array, findings become one table, and anything else is shown item by item. */
async function describeArray(values: readonly unknown[]): Promise<readonly Part[]> {
  if (isNumeric(values)) return [inspect(values)];
  if (values.every(isFinding)) return [findingTable(values)];
  if (values.every(isSiteSpectrum)) return describeSpectra(values);
  const parts: Part[] = [];
  for (const value of values) parts.push(...await describe(value));
  return parts;
}

/**
 * True for a value of the toolkit, or a list of such values: a cell may end with it and show it.
 */
export function isShown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length > 0 && value.every(isShown);
  return isFinding(value) || isShownInstance(value) || isShownRecord(value);
}

const isSiteSpectrum = (value: unknown): value is SiteSpectrum =>
  typeof value === "object" && value !== null && "name" in value && "singularValues" in value &&
  "noiseEdge" in value;

function isNumeric(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isNumeric);
  return typeof value === "number" || typeof value === "bigint";
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { colors: false, depth: 4 });
}

// Classes.

/** A class and how its instances are shown. */
interface Shown<T> {
  /** The class. */
  readonly class: { readonly prototype: T };
  /** The parts that are shown. */
  show(value: T): readonly Part[] | Promise<readonly Part[]>;
}

/** The classes whose instances are shown when they end a cell. */
const shownClasses: readonly Shown<object>[] = [
  shown(TextModel, (model) => [modelTable(model)]),
  shown(LoraAdapter, (adapter) => [adapterTable(adapter)]),
  shown(PromptedBatches, (batches) => [batchesTable(batches)]),
  shown(Training, describeTraining),
  shown(History, (history) => [historyFigure(history)]),
  shown(LiveSpectra, describeLiveSpectra),
  shown(Ledger, (ledger) => [ledgerTable(ledger)]),
  shown(BaseDevice, (device) => [device.description, ledgerTable(device.ledger)]),
  shown(Tensor, readTensor),
  shown(Parameter, async ({ name, tensor }) => [name, ...await readTensor(tensor)]),
];

function shown<T extends object>(type: Shown<T>["class"], show: Shown<T>["show"]): Shown<object> {
  return { class: type, show } as unknown as Shown<object>;
}

/** True if a value is an instance of one of these classes. */
const isShownInstance = (value: object): boolean => classOf(value) !== undefined;

const classOf = (value: object) =>
  shownClasses.find(({ class: { prototype } }) =>
    Object.prototype.isPrototypeOf.call(prototype, value)
  );

/** The parts for an instance of one of these classes; undefined for anything else. */
async function describeClass(value: object): Promise<readonly Part[] | undefined> {
  return await classOf(value)?.show(value);
}

async function readTensor(tensor: Tensor): Promise<Part[]> {
  const [values] = await tensor.device.read(tensor);
  return [describeTensor(values)];
}

// Records.

/** A kind of record. */
interface Kind<T> {
  /** Fields that only this kind has all of. */
  readonly fields: readonly (keyof T & string)[];
  /** The parts that are shown. */
  show(value: T): readonly Part[] | Promise<readonly Part[]>;
}

// deno-lint-ignore no-explicit-any
const kinds: readonly Kind<any>[] = [
  kind<Figure>(["data", "layout", "caption"], (figure) => [figure]),
  kind<Picture>(["svg", "alt", "caption"], (picture) => [picture]),
  kind<DataTable>(["columns", "rows", "title"], (table) => [table]),
  kind<Tex>(["tex"], (formula) => [formula]),
  kind<Formula>(["expression", "symbols", "meaning"], describeFormula),
  kind<Outcome>(["settings", "findings", "tables", "figures"], describeOutcome),
  kind<Spectrum>(["singularValues", "noiseEdge"], describeSpectrum),
  kind<MergeReport>(["weights", "extraBytes"], (report) => [mergeTable(report)]),
  kind<PeftAdapter>(["config", "updates", "leftOut"], (adapter) => [peftTable(adapter)]),
];

function kind<T>(fields: Kind<T>["fields"], show: Kind<T>["show"]): Kind<T> {
  return { fields, show };
}

/** True if a value is a record of a known kind. */
const isShownRecord = (value: object): boolean => kindOf(value) !== undefined;

const kindOf = (value: object) =>
  kinds.find(({ fields }) => fields.every((field) => field in value));

/** The parts for a record of a known kind; undefined for any other. */
async function describeRecord(value: object): Promise<readonly Part[] | undefined> {
  return await kindOf(value)?.show(value);
}

/** Imported here because mathjs takes 0.4 s to load. */
async function describeFormula(formula: Formula): Promise<Part[]> {
  const { formulaTex } = await import("../accounting/mod.ts");
  const { meaning, unit, source, symbols } = formula;
  const letters = table({
    id: "letters",
    title: `${meaning}${unit === "ratio" ? "" : `, in ${unit}`} (${source})`,
    columns: [
      ["tex", "letter", "math"],
      ["meaning", "meaning", "text"],
      ["unit", "unit", "text"],
    ],
    rows: Object.values(symbols),
  });
  return [{ tex: formulaTex(formula) }, letters];
}

// Findings, ledgers and reports.

/** True for one claim with its verdict. */
function isFinding(value: unknown): value is Finding {
  return typeof value === "object" && value !== null && "claim" in value && "found" in value &&
    "verdict" in value;
}

/** Claims with what was found, or else the number that matters most; each claim has its rule below it. */
function findingTable(findings: readonly Finding[]): DataTable {
  return {
    id: "findings",
    title: findings.length === 1 ? "A claim, with its rule" : "Claims, each with its rule",
    columns: [
      { key: "claim", label: "claim", unit: "text", detail: "rule" },
      { key: "verdict", label: "verdict", unit: "verdict" },
      { key: "found", label: "found", unit: "text" },
    ],
    rows: findings.map(({ claim, rule, verdict, ours, found }) => ({
      ...{ claim, rule, verdict },
      found: found || ours,
    })),
  };
}

/** Everything in an experiment's outcome. */
function describeOutcome({ settings, findings, figures, tables }: Outcome): Part[] {
  const claims = findings.length === 0 ? [] : [findingTable(findings)];
  return [settings, ...claims, ...figures, ...tables];
}

/** Live and peak bytes of each role that has been used. */
function ledgerTable(ledger: Ledger): DataTable {
  const { byRole, peakByRole, live, peak } = ledger.read();
  const used = roles.filter((role) => byRole[role] > 0 || peakByRole[role] > 0);
  return table({
    id: "ledger",
    title: "Bytes on the device by role: now, and when the total was highest",
    columns: [
      ["role", "role", "text"],
      ["live", "live", "bytes"],
      ["peak", "at the peak", "bytes"],
    ],
    rows: [
      ...used.map((role) => ({ role, live: byRole[role], peak: peakByRole[role] })),
      { role: "all", live, peak },
    ],
  });
}

/** Makes a row for each merged weight. */
function mergeTable({ weights, extraBytes }: MergeReport): DataTable {
  const extra = formatValue(extraBytes, "bytes");
  return table({
    id: "merge",
    title:
      `The effect of merging on each weight; the merged copies take ${extra} in addition to the base`,
    columns: [
      ["module", "weight", "text"],
      ["deltaNorm", "‖ΔW‖", "number"],
      ["weightNorm", "‖W‖", "number"],
      ["relativeNorm", "‖ΔW‖ / ‖W‖", "share"],
      ["survivingShare", "share of ΔW left after rounding", "number"],
      ["extraBytes", "copy", "bytes"],
    ],
    rows: weights,
  });
}

// Models and adapters.

/** A tensor of the base, whatever stores it. */
type BaseTensor = Pick<Parameter, "name" | "shape" | "size" | "trainable">;

/** A row of a model's table; the last one is for all parameters. */
interface KindRow {
  readonly name: string;
  readonly times?: number;
  readonly shape?: string;
  readonly parameters: number;
  readonly share: number;
  readonly trained?: string;
}

/** A model: one row for each kind of parameter, over all blocks. */
function modelTable(model: TextModel): DataTable {
  const { description, vocabulary, positions } = model;
  const total = trainedIn(model), trainable = countTrainable(model);
  return table<KindRow>({
    id: "model",
    title: `${description}, ${formatValue(vocabulary, "count")} tokens, ` +
      `context ${formatValue(positions, "count")}; ` +
      `${formatValue(trainable, "count")} trainable values`,
    columns: [
      ["name", "parameter", "text"],
      ["times", "count", "count"],
      ["shape", "shape", "text"],
      ["parameters", "parameters", "count"],
      ["share", "share", "percent"],
      ["trained", "trained", "text"],
    ],
    rows: [
      ...Array.from(kindsOf(model), ([name, members]) => kindRow(name, members, total)),
      { name: "all", parameters: total, share: 100 },
    ],
  });
}

function kindRow(name: string, members: readonly BaseTensor[], total: number): KindRow {
  const parameters = members.reduce((sum, { size }) => sum + size, 0);
  const trained = members.filter(({ trainable }) => trainable).length;
  return {
    name,
    times: members.length,
    shape: formatShape(members[0].shape),
    parameters,
    share: 100 * parameters / total,
    trained: trained === 0 ? "no" : trained === members.length ? "yes" : `${trained}`,
  };
}

/** The tensors by kind: `h.*.attn.c_attn.weight` stands for that weight in all blocks. */
function kindsOf(model: Model): Map<string, BaseTensor[]> {
  return Map.groupBy(tensorsOf(model), ({ name }) => name.replace(/\.\d+\./, ".*."));
}

/** The base's own tensors: its parameters, and weights that are stored in another form. */
function tensorsOf({ parameters, linears }: Model): BaseTensor[] {
  const others = linears.map(({ weight }) => weight).filter(({ parameter }) => !parameter);
  const frozen = others.map(({ name, shape }) => {
    return { name, shape, size: sizeOf(shape), trainable: false };
  });
  return [...parameters.values(), ...frozen];
}

function trainedIn(model: Model): number {
  return tensorsOf(model).reduce((sum, { size }) => sum + size, 0);
}

/** An adapter: one row per site. */
function adapterTable(adapter: LoraAdapter): DataTable {
  const share = 100 * adapter.parameterCount / trainedIn(adapter.model);
  return table({
    id: "adapter",
    title: `LoRA on ${howMany(adapter.sites.length, "site")}: ` +
      `${formatValue(adapter.parameterCount, "count")} parameters, ` +
      `${share.toPrecision(3)}% of the base, ${formatValue(adapter.bytes, "bytes")}`,
    columns: [
      ["name", "site", "text"],
      ["rank", "rank r", "count"],
      ["alpha", "α", "number"],
      ["scaling", "scaling s", "number"],
      ["A", "A", "text", ({ A }) => formatShape(A.shape)],
      ["B", "B", "text", ({ B }) => formatShape(B.shape)],
      ["parameters", "parameters", "count", ({ A, B }) => A.size + B.size],
    ],
    rows: adapter.sites,
  });
}

/** Makes a row for each update. */
function peftTable({ config, updates, leftOut }: PeftAdapter): DataTable {
  const total = updates.reduce((sum, update) => sum + parametersOf(update), 0);
  const rest = leftOut.length === 0 ? "" : `; ${howMany(leftOut.length, "tensor")} left out`;
  return table({
    id: "peft",
    title: `PEFT adapter of ${howMany(updates.length, "update")}: ` +
      `${formatValue(total, "count")} parameters${rest}`,
    columns: [
      ["name", "site", "text", siteName],
      ["rank", "rank r", "count", ({ A }) => A.shape[0]],
      ["alpha", "α", "number", (update) => alphaOf(update, config)],
      ["scaling", "scaling s", "number"],
      ["inputs", "in", "count", ({ A }) => A.shape[1]],
      ["outputs", "out", "count", ({ B }) => B.shape[0]],
      ["parameters", "parameters", "count", parametersOf],
    ],
    rows: updates,
  });
}

function parametersOf({ A, B }: LowRankUpdate): number {
  return A.data.length + B.data.length;
}

// Tensors and batches.

/** Numbers of any type. */
type Numbers = ArrayLike<number | bigint> & ArrayBufferView;

const mostRows = 6, mostColumns = 8;

/** True for a typed array and for a host tensor. */
function isTensorLike(value: object): value is Numbers | HostTensor {
  return isNumbers(value) || ("data" in value && "shape" in value && isNumbers(value.data));
}

/** A line with shape and type, then the first rows and columns. */
function describeTensor(value: Numbers | HostTensor): string {
  const { shape, data } = isNumbers(value) ? { shape: [value.length], data: value } : value;
  const columns = shape.at(-1) ?? 1, rows = columns === 0 ? 0 : data.length / columns;
  const lines = Array.from(
    { length: Math.min(rows, mostRows) },
    (_, row) => line(data as Numbers, row * columns, columns),
  );
  if (rows > mostRows) lines.push(["…"]);
  return [headOf(shape, data as Numbers), ...aligned(lines)].join("\n");
}

function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function headOf(shape: readonly number[], data: Numbers): string {
  let strange = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Number(data[i]))) strange++;
  const name = `${data.constructor.name} ${formatShape(shape)}`;
  return strange === 0 ? name : `${name}, ${howMany(strange, "value")} not finite`;
}

function line(data: Numbers, start: number, columns: number): string[] {
  const shown = Math.min(columns, mostColumns);
  const cells = Array.from({ length: shown }, (_, i) => format(data[start + i]));
  return shown < columns ? [...cells, "…"] : cells;
}

function format(value: number | bigint): string {
  if (typeof value === "bigint" || Number.isInteger(value)) {
    return Object.is(value, -0) ? "-0" : String(value);
  }
  return Number.isFinite(value) ? value.toPrecision(4) : String(value);
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const width = Math.max(0, ...lines.flat().map((cell) => cell.length));
  return lines.map((line) =>
    line.map((cell) => cell === "…" ? cell : cell.padStart(width)).join("  ")
  );
}

/** A row of a batch as text. */
interface TextRow {
  readonly given: string;
  readonly scored: string;
  readonly tokens: number;
}

/** The rows of the first batch. */
function batchesTable(batches: PromptedBatches): DataTable {
  const [first] = batches, { examples, leftOut } = batches;
  const [rows, length] = first.inputs.tokens.shape;
  const rest = leftOut === 0 ? "" : `; ${leftOut} texts left out`;
  return table<TextRow>({
    id: "batches",
    title:
      `${examples} examples in batches of ${rows} rows of ${length} tokens${rest}; the first batch: ` +
      "only what is in the column on the right is scored",
    columns: [
      ["given", "given", "text"],
      ["scored", "scored", "text"],
      ["tokens", "tokens scored", "count"],
    ],
    rows: Array.from({ length: rows }, (_, row) => textRow(batches, first, row))
      .filter(({ tokens }) => tokens > 0),
  });
}

function textRow({ tokenizer }: PromptedBatches, batch: Batch, row: number): TextRow {
  const { inputs: { tokens: { shape: [, length], data } }, targets } = batch;
  const part = (values: ArrayLike<number>) =>
    Array.from(values).slice(row * length, (row + 1) * length);
  const labels = part(targets.data), scored = labels.filter((label) => label >= 0);
  const given = part(data).slice(0, labels.findIndex((label) => label >= 0) + 1);
  return {
    given: tokenizer.decode(given),
    scored: tokenizer.decode(scored),
    tokens: scored.length,
  };
}

// Training and spectra.

/** The loss by step. */
function historyFigure(history: History): Figure {
  const { steps, stopped } = history;
  const caption = `${howMany(steps, "step")}${stopped ? ", stopped before the end" : ""}`;
  return plot({ training: history }, { caption });
}

/** The description of a training, and the losses so far. */
function describeTraining({ description, history }: Training): Part[] {
  return history.steps === 0 ? [description] : [description, historyFigure(history)];
}

/** The spectrum of the first site over the steps, and the effective rank of every site. */
async function describeLiveSpectra(spectra: LiveSpectra): Promise<Part[]> {
  const readings = await spectra.readings();
  if (readings.length === 0) {
    return ["no spectrum has been read: call observe(steps) after each step"];
  }
  const words = {
    id: "effective-ranks",
    title: "Effective rank of ΔW at every site during training",
    caption: "exp of the entropy of σᵢ / Σ σ.",
  };
  const ranks = sitesOverSteps(
    readings,
    words,
    axis("effective rank"),
    (site) => site.effectiveRank,
  );
  return [trainingSpectrum(readings, 0), ranks];
}

/** Spectra of several sites: one figure, and a row for each. */
function describeSpectra(spectra: readonly SiteSpectrum[]): [Figure, DataTable] {
  const rows = table({
    id: "spectra-ranks",
    title: "Size and rank of every update",
    columns: [
      ["name", "site", "text"],
      ["frobenius", "‖ΔW‖", "share"],
      ["largest", "σ₁", "share", ({ singularValues: [largest] }: SiteSpectrum) => largest],
      ["stableRank", "stable rank", "share"],
      ["effectiveRank", "effective rank", "share"],
      ["energyRank90", "90% energy", "count"],
      ["aboveNoise", "above the noise edge", "count"],
    ],
    rows: spectra,
  });
  return [spectraFigure(spectra), rows];
}

/** The singular values, and the measures of rank. */
function describeSpectrum(spectrum: Spectrum): [Figure, DataTable] {
  return [spectrumFigure(spectrum), rankTable(spectrum)];
}

function spectrumFigure({ singularValues, noiseEdge }: Spectrum): Figure {
  const count = singularValues.length;
  return {
    id: "spectrum",
    title: "Singular values of ΔW",
    caption: "Dashed: the largest singular value of noise with the same shape and norm.",
    data: [
      {
        type: "scatter",
        mode: "lines+markers",
        name: "ΔW",
        x: singularValues.map((_, i) => i + 1),
        y: singularValues,
        line: { color: palette.lora[1] },
      },
      {
        type: "scatter",
        mode: "lines",
        name: "noise edge",
        x: [1, count],
        y: [noiseEdge, noiseEdge],
        line: { color: palette.base, dash: "dash" },
      },
    ],
    layout: baseLayout(
      axis("index i", { tick0: 1, dtick: Math.ceil(count / 10) }),
      axis("singular value σᵢ", { rangemode: "tozero" }),
      { height: 320 },
    ),
  };
}

function rankTable(spectrum: Spectrum): DataTable {
  const measures: readonly (readonly [name: string, value: number])[] = [
    ["Frobenius norm ‖ΔW‖", spectrum.frobenius],
    ["numerical rank", spectrum.numericalRank],
    ["stable rank ‖ΔW‖² / σ₁²", spectrum.stableRank],
    ["effective rank, exp(entropy of σ)", spectrum.effectiveRank],
    ["participation ratio (Σσ²)² / Σσ⁴", spectrum.participationRatio],
    ["directions that hold 90% of ‖ΔW‖²", spectrum.energyRank90],
    ["directions that hold 99% of ‖ΔW‖²", spectrum.energyRank99],
    ["singular values above the noise edge", spectrum.aboveNoise],
  ];
  return table({
    id: "ranks",
    title: `Measures of the rank of ΔW, which is at most ${spectrum.singularValues.length}`,
    columns: [
      ["measure", "measure", "text", ([measure]) => measure],
      ["value", "value", "number", ([, value]) => value],
    ],
    rows: measures,
  });
}
