/** A LoRA adapter on a model: its tensors and sites, how it is saved and removed. @module */

import type { Spectrum } from "../../analysis/spectrum.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { assertOptions } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { listNames, moduleOf } from "../../core/module_names.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { assertScaling, deltaWeight, type LowRankUpdate, siteName } from "../../core/update.ts";
import type { BiasMode } from "../../formats/peft/config.ts";
import type { RandomStart } from "../../formats/peft/metadata.ts";
import type { TrainedUpdate } from "../../formats/peft/record.ts";
import type { AdapterContent } from "../../formats/peft/write.ts";
import type { Model } from "../../models/model.ts";
import { asFiles, holdFiles } from "../../storage/folder.ts";
import type { Folder } from "../../storage/storage.ts";
import { assertFree, type SaveAdapterOptions, saveNames, type WeightChange } from "../adapter.ts";
import { MethodAdapter } from "../method_adapter.ts";
import { assertOwnWeight } from "../sites.ts";
import { copiesOf, TokenRows, TrainedModules, type TrainedParts } from "../trained_modules.ts";
import { DoraSite, entriesOf, type LoraPlan, type LoraSite, makeSite, makeStart } from "./site.ts";

/** The size and spectrum of one site's update. */
export interface SiteSpectrum extends Spectrum {
  /** The site's name: `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
}

/** Spectra and truncation, which training and saving do without. */
const analysis = () => import("../../analysis/spectrum.ts");

/** The reading of values and of what a file says of them, which training does without. */
const reading = () => import("./record.ts");

/** The spectra of updates, in their order. */
async function spectraOf(updates: readonly LowRankUpdate[]): Promise<SiteSpectrum[]> {
  const { spectrum } = await analysis();
  return updates.map((update) => ({ name: siteName(update), ...spectrum(update) }));
}

/** Changes of an adapter's copy; everything else stays. */
export interface AdapterChange {
  /** k: the nearest update of rank k at every site whose rank is above it (Eckart and Young 1936). */
  readonly rank?: number;
  /** Factor of every ΔW: the weight of the adapter. */
  readonly scale?: number;
  /** The sites to keep, by role (`q`) or by consecutive parts of their paths (`h.0`, `attn.c_attn:v`). */
  readonly only?: readonly string[];
}

/** Plans of the copy's sites, given the values of all of the adapter's. */
async function changedPlans(
  sites: readonly LoraSite[],
  updates: readonly TrainedUpdate[],
  change: AdapterChange,
): Promise<LoraPlan[]> {
  assertOptions("with", change, { rank: true, scale: true, only: true });
  const { rank = Infinity, scale = 1, only } = change;
  if (!Number.isFinite(scale)) throw new RangeError(`scale must be finite, found ${quote(scale)}`);
  assertRank(rank);
  for (const name of only ?? []) assertNamed(sites, name);
  const { truncateUpdate } = await analysis();
  return sites.flatMap((site, i) => {
    if (only && !only.some((name) => isPart(site, name))) return [];
    const own = updates[i], isAbove = own.A.shape[0] > rank;
    const { A, B } = isAbove ? truncateUpdate(own, rank) : own;
    const { name, linear, role, rows, dropout } = site, scaling = scale * site.scaling;
    assertScaling(scaling, name);
    const settings = { rank: A.shape[0], alpha: scaling * A.shape[0], scaling, dropout };
    const freezeA = !site.A.trainable;
    const factors = { A: A.data, B: B.data, bias: own.bias?.data };
    return [{ site: { name, linear, role, rows }, ...settings, ...factors, freezeA }];
  });
}

function assertRank(rank: number): void {
  if (rank === Infinity || Number.isInteger(rank) && rank >= 1) return;
  throw new RangeError(`rank must be a positive integer, found ${quote(rank)}`);
}

function assertNamed(sites: readonly LoraSite[], name: string): void {
  if (sites.some((site) => isPart(site, name))) return;
  const known = listNames(sites.map(({ name }) => name));
  throw new RangeError(`only must name sites of the adapter (${known}), found ${quote(name)}`);
}

/** True if a name is a site's role, or whole consecutive parts of its path. */
const isPart = (site: LoraSite, name: string): boolean =>
  site.role === name || dotted(site.name).includes(dotted(name));

const dotted = (path: string) => `.${String(path).replace(":", ".")}.`;

/**
 * Asserts that sites are products of B and A.
 *
 * @throws {RangeError} when one is not.
 */
export function assertLowRank(action: string, sites: readonly LoraSite[]): void {
  const dora = sites.find((site) => site instanceof DoraSite);
  if (dora) {
    throw new RangeError(`${action} needs updates scaling · B A, found DoRA on ${dora.name}`);
  }
}

/** New copies of the same parameters, with the values that they have; the old ones must not be in use. */
async function copyParts(
  model: Model,
  { modules, biases, biasMode, tables, tokens }: Required<TrainedParts>,
): Promise<() => TrainedParts> {
  const [saved, own, held] = [await modules.read(), await biases.read(), await tables.read()];
  const replaced = await tokens.read();
  return () => {
    using unfinished = new DisposableStack();
    const copy = (values: ReadonlyMap<string, HostTensor>, names = [...values.keys()]) =>
      unfinished.use(copiesOf(model, names, values));
    const copies = copy(saved, [...saved.keys()].map(moduleOf));
    const others = { biases: copy(own), tables: copy(held) };
    const rows = new TokenRows(model, replaced);
    unfinished.move();
    return { modules: copies, biasMode, tokens: rows, ...others };
  };
}

/**
 * Low-rank updates to some of a model's weights, in force until {@link LoraAdapter.remove}.
 *
 * All A and B are in one arena of role `adapter`. While a model has any adapter, its own parameters are frozen;
 * several adapters on one model add up. Made by `injectLora` and `loadAdapter`.
 *
 * It is saved as a PEFT folder. Sites of one weight become one PEFT module whose rank is the sum of theirs, with zeros
 * in B outside each site's rows. Its scaling is that of the sites. Where their scalings differ, it is the one of the
 * largest magnitude, and every other site's B is multiplied by the ratio to it: ΔW is the same, α is not.
 */
export class LoraAdapter extends MethodAdapter {
  /** The adapted sites in the order of the forward pass. */
  readonly sites: readonly LoraSite[];
  /** The values from which sites started, as frozen updates that take them out of the weights (PiSSA). */
  readonly starts: readonly LoraSite[];
  /** The modules that it trains in full: a classifier's head, or none. */
  readonly modules: TrainedModules;
  /** The biases of the base model that it trains, or none. */
  readonly biases: TrainedModules;
  /** Setting of PEFT's `bias` that selects these biases. */
  readonly biasMode: BiasMode;
  /** Weights of adapted embeddings and heads in the place of the model's own, frozen; or none. */
  readonly tables: TrainedModules;
  /** The rows of embeddings that it trains in their place, or none. */
  readonly tokens: TokenRows;
  /** Record of loading, if it was read from a file. */
  loaded?: LoadRecord;
  /** The random values that A began with; saved with it. */
  randomStart?: RandomStart;
  /** The adapter that {@link LoraAdapter.with} took off the model. */
  #standsFor?: LoraAdapter;
  #isOver = false;

  /**
   * Allocates the tensors, freezes the model and attaches the sites to its layers.
   *
   * @param trained Trained parts of the model itself; the adapter owns them, and frees them if this fails.
   */
  constructor(
    model: Model,
    plans: readonly LoraPlan[],
    { modules: given, biases: ofModel, biasMode = "none", tables: held, tokens: rows }:
      TrainedParts = {},
  ) {
    using unfinished = new DisposableStack();
    const [modules, biases, tables] = [given, ofModel, held]
      .map((part) => unfinished.use(part ?? new TrainedModules(model, [])));
    const tokens = unfinished.use(rows ?? new TokenRows(model, new Map()));
    const sites: LoraSite[] = [], starts: LoraSite[] = [];
    super(model, {
      entries: entriesOf(plans),
      label: "LoRA",
      modelParts: [modules, biases, tables, tokens],
      trained: [modules, biases, tokens].flatMap(({ parameters }) => parameters),
      build: (own) => {
        const named = new Map(own.map((parameter) => [parameter.name, parameter]));
        sites.push(...plans.map((plan) => makeSite(plan, named)));
        const started = plans.filter(({ isStart }) => isStart);
        starts.push(...started.map((plan) => makeStart(plan, named)));
        return [...sites, ...starts].map((site) => [site.linear, site]);
      },
    });
    [this.modules, this.biases, this.tables, this.tokens] = [modules, biases, tables, tokens];
    [this.sites, this.starts, this.biasMode] = [sites, starts, biasMode];
    unfinished.move();
  }

  /** A and B of every site, or B alone where A is frozen, then what it trains of the model itself. */
  override get parameters(): readonly Parameter[] {
    return [...this.sites.flatMap(({ parameters }) => parameters), ...this.trained];
  }

  /** All that is added to weights: the sites, and what their start values take out. */
  get terms(): readonly LoraSite[] {
    return [...this.sites, ...this.starts];
  }

  /**
   * Number of trained values, Σ rank · (in + rows), with A frozen Σ rank · rows, and those of modules that are trained
   * in full.
   */
  get parameterCount(): number {
    return this.parameters.reduce((sum, { size }) => sum + size, 0);
  }

  /** The largest magnitude of its sites' scalings. */
  get scaling(): number {
    return Math.max(...this.sites.map(({ scaling }) => Math.abs(scaling)));
  }

  /** Bytes of what is trained on the device, 4 per value. */
  get bytes(): number {
    return 4 * this.parameterCount;
  }

  /**
   * Reads every A and B from the device, and the biases of B.
   *
   * @throws {RangeError} when a site has a magnitude (DoRA): what it changes is no product of B and A.
   */
  async read(): Promise<TrainedUpdate[]> {
    assertLowRank("reading updates", this.sites);
    return await (await reading()).readSites(this.sites, this.starts);
  }

  /**
   * ΔW = scaling · B A of one of the sites, by its name, of shape `(rows, in)`.
   *
   * @throws {RangeError} when the adapter has no such site, or it has a magnitude (DoRA).
   */
  async deltaWeight(name: string): Promise<HostTensor> {
    const site = this.sites.find((site) => site.name === name);
    if (!site) {
      const names = listNames(this.sites.map(({ name }) => name));
      throw new RangeError(`deltaWeight needs a site of the adapter (${names}), found "${name}"`);
    }
    assertLowRank("deltaWeight", [site]);
    const starts = this.starts.filter(({ name: of }) => of === name);
    return deltaWeight((await (await reading()).readSites([site], starts))[0]);
  }

  /**
   * Size, spectrum and ranks of ΔW at every site, by its name; at the end of a cell they show as a figure.
   *
   * @throws {RangeError} when a value is not finite.
   */
  async spectra(): Promise<SiteSpectrum[]> {
    return await spectraOf(await this.read());
  }

  /**
   * A changed copy, in force in the place of this adapter: of lower rank, with another weight, or of some sites
   * alone. When the copy is removed or disposed, this adapter is in force again, if it was.
   *
   * @throws {TypeError} when an option does not exist.
   * @throws {RangeError} when a rank is not a positive integer, the scale is not finite, `only` names no site of the
   * adapter, or this adapter is not in force and another is.
   *
   * @example What if the rank were half as large?
   * ```ts
   * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
   *
   * using device = await openDevice();
   * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
   * using model = initGpt2(device, config, { seed: 1 });
   * using adapter = injectLora(model, { rank: 4 });
   * using queries = await adapter.with({ rank: 2, scale: 0.5, only: ["q"] });
   * console.log(queries.sites.map(({ name, rank }) => `${name} ${rank}`));
   * ```
   */
  async with(change: AdapterChange): Promise<LoraAdapter> {
    const plans = await changedPlans(this.sites, await this.read(), change);
    const { model, promptFormat, randomStart } = this, isInForce = model.adapters.has(this);
    if (!isInForce) assertFree(model, {}, "with");
    const newParts = await copyParts(model, this);
    this.takeOff(); // Before the copy is made: it trains the same modules.
    try {
      const copy = new LoraAdapter(model, plans, newParts());
      if (isInForce) copy.#standsFor = this;
      return Object.assign(copy, { promptFormat, randomStart });
    } catch (error) {
      if (isInForce) this.putOn();
      throw error;
    }
  }

  /** The PEFT folder of its record. */
  protected override async content(
    folder: Folder,
    options: SaveAdapterOptions,
  ): Promise<AdapterContent> {
    const { recordOf } = await reading();
    const { loraContent } = await import("../../formats/peft/write.ts");
    return await loraContent(folder, { ...await recordOf(this), ...options });
  }

  /**
   * Tensors trained in full are replaced; then W' = W + Σ scaling · B A for every adapted weight,
   * or m · V / ‖V‖ for DoRA, and a bias of B is added to the layer's own.
   *
   * @throws {RangeError} when B has a bias and the layer has none, or a layer's weight is another's too: a head tied
   * to an adapted embedding would change with it.
   */
  override weightChanges(): readonly WeightChange[] {
    for (const { linear } of this.sites) assertOwnWeight(this.model, linear);
    return [...this.modelParts, ...this.terms].flatMap((part) => part.weightChanges());
  }

  /** Removes this adapter's sites alone; the last to go gives the parameters their `trainable` flags back. */
  override remove(): void {
    this.#isOver = true;
    if (!this.model.adapters.has(this)) return;
    this.takeOff();
    if (this.#standsFor) this.#standsFor.#restore();
  }

  /** Goes back on the model; where it was removed in the meantime, what it stood for does. */
  #restore(): void {
    if (!this.#isOver) this.putOn();
    else if (this.#standsFor) this.#standsFor.#restore();
  }
}

/**
 * The files of the PEFT folder that {@link LoraAdapter.save} writes, in memory: a page in a browser has no disk.
 * `readAdapter` and `loadAdapter` take them as a folder.
 *
 * @throws {RangeError} when a value is not finite in the file's dtype, or there is no update.
 * @throws {TypeError} when an option does not exist.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { adapterInMemory } from "@lowrank/core/adapt";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, seed: 1 });
 * const files = await adapterInMemory(adapter, { baseModelName: "gpt2" });
 * console.log(files.map(({ name }) => name)); // adapter_model.safetensors, README.md, adapter_config.json
 * ```
 */
export async function adapterInMemory(
  adapter: LoraAdapter,
  options: SaveAdapterOptions = {},
): Promise<File[]> {
  assertOptions("adapterInMemory", options, saveNames);
  return asFiles(await holdFiles(await adapter.files([], options)));
}

/** A module of a file and the layer that it was matched to. */
export interface MatchedModule {
  /** Its path in the file. */
  readonly module: string;
  /** The layer's path in the model. */
  readonly layer: string;
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** True where all of A or B is zero: the adapter changes nothing there. */
  readonly isZero: boolean;
}

/** Record of loading an adapter. */
export interface LoadRecord {
  /** Every module of the file. */
  readonly matched: readonly MatchedModule[];
  /** Faults that `allow` let pass: `unmatchedTargets: q_proj`. */
  readonly passed: readonly string[];
}
