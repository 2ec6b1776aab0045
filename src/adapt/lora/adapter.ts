/** A LoRA adapter on a model: its tensors and sites, how it is saved and removed. @module */

import type { Parameter } from "../../autograd/parameter.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { deltaWeight } from "../../core/low_rank_update.ts";
import { listNames } from "../../core/module_names.ts";
import { assertOptions } from "../../core/options.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import { Arena } from "../../device/arena.ts";
import { adapterFile } from "../../formats/merged_metadata.ts";
import { type BiasMode, type TrainedUpdate, writeAdapter } from "../../formats/mod.ts";
import type { RandomStart } from "../../formats/start_metadata.ts";
import type { AdapterValues, Model } from "../../models/model.ts";
import { type Adapter, type SaveAdapterOptions, saveNames, type WeightChange } from "../adapter.ts";
import { assertFree, attach } from "../attach.ts";
import { assertOwnWeight } from "../sites.ts";
import { type SiteSpectrum, spectraOf } from "../spectra.ts";
import { TokenRows } from "../token_rows.ts";
import { TrainedModules } from "../trained_modules.ts";
import { type AdapterChange, changedPlans } from "./change.ts";
import type { LoadRecord } from "./load_record.ts";
import type { LoraSite } from "./lora_site.ts";
import type { LoraPlan } from "./plan.ts";
import { recordOf } from "./record.ts";
import { assertLowRank, readSites } from "./read_sites.ts";
import { entriesOf, makeSite, makeStart } from "./tensors.ts";
import { copyParts, type TrainedParts } from "./trained_parts.ts";

/**
 * Low-rank updates to some of a model's weights, in force until {@link LoraAdapter.remove}.
 *
 * All A and B are in one arena of role `adapter`. While a model has any adapter, its own parameters are frozen;
 * several adapters on one model add up. Made by `injectLora` and `loadAdapter`.
 */
export class LoraAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: Model;
  /** The adapted sites in the order of the forward pass. */
  readonly sites: readonly LoraSite[];
  /** The values from which sites started, as frozen updates that take them out of the weights (PiSSA). */
  readonly starts: readonly LoraSite[];
  /** The modules that it trains in full: a classifier's head, or none. */
  readonly modules: TrainedModules;
  /** The biases of the base model that it trains, or none. */
  readonly biases: TrainedModules;
  /** Which biases these are. */
  readonly biasMode: BiasMode;
  /** Weights of adapted embeddings and heads in the place of the model's own, frozen; or none. */
  readonly tables: TrainedModules;
  /** The rows of embeddings that it trains in their place, or none. */
  readonly tokens: TokenRows;
  /** How it was loaded, if it was read from a file. */
  loaded?: LoadRecord;
  /** By what its values are recognized in a merged model; others after each step of a training. */
  values: AdapterValues = {};
  /** How the prompts of its training were written, if it was trained on any; saved with it. */
  promptFormat?: PromptFormat;
  /** The random values that A began with; saved with it. */
  randomStart?: RandomStart;
  readonly #arena: Arena;
  #detach: () => void;
  /** What {@link LoraAdapter.with} took off the model. */
  #standsFor?: LoraAdapter;
  #isOver = false;

  /**
   * Allocates the tensors, freezes the model and attaches the sites to its layers.
   *
   * @param trained What is trained of the model itself; the adapter owns it, and frees it if this fails.
   */
  constructor(
    model: Model,
    plans: readonly LoraPlan[],
    { modules, biases, biasMode = "none", tables, tokens }: TrainedParts = {},
  ) {
    using unfinished = new DisposableStack();
    this.model = model;
    [this.modules, this.biases, this.tables] = [modules, biases, tables]
      .map((part) => unfinished.use(part ?? new TrainedModules(model, [])));
    this.tokens = unfinished.use(tokens ?? new TokenRows(model, new Map()));
    this.biasMode = biasMode;
    this.#arena = unfinished.use(new Arena(model.device, entriesOf(plans), "adapter", "LoRA"));
    this.sites = plans.map((plan) => makeSite(plan, this.#arena));
    const started = plans.filter(({ isStart }) => isStart);
    this.starts = started.map((plan) => makeStart(plan, this.#arena));
    this.#detach = this.#attach();
    unfinished.move();
  }

  /** A and B of every site, then what it trains of the model itself. */
  get parameters(): readonly Parameter[] {
    const { sites, modules, biases, tokens } = this;
    return [...sites, modules, biases, tokens].flatMap(({ parameters }) => parameters);
  }

  /** All that is added to weights: the sites, and what their start values take out. */
  get terms(): readonly LoraSite[] {
    return [...this.sites, ...this.starts];
  }

  /** Number of trained values, Σ rank · (in + rows), and those of modules that are trained in full. */
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
    return await readSites(this.sites, this.starts);
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
    return deltaWeight((await readSites([site], starts))[0]);
  }

  /**
   * Size, spectrum and ranks of ΔW at every site, by its name; at the end of a cell they show as a figure.
   *
   * @throws {RangeError} when a value is not finite.
   */
  async spectra(): Promise<SiteSpectrum[]> {
    return spectraOf(await this.read());
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
    const plans = changedPlans(this.sites, await this.read(), change);
    const { model, promptFormat, randomStart } = this, isInForce = model.adapters.has(this);
    if (!isInForce) assertFree(model, {}, "with");
    const newParts = await copyParts(model, this);
    this.#detach(); // Before the copy is made: it trains the same modules.
    try {
      const copy = new LoraAdapter(model, plans, newParts());
      if (isInForce) copy.#standsFor = this;
      return Object.assign(copy, { promptFormat, randomStart });
    } catch (error) {
      if (isInForce) this.#detach = this.#attach();
      throw error;
    }
  }

  /**
   * Saves a PEFT folder. Sites of one weight become one PEFT module whose rank is the sum of theirs, with zeros in B
   * outside each site's rows. Its scaling is that of the sites. Where their scalings differ, it is the one of the
   * largest magnitude, and every other site's B is multiplied by the ratio to it: ΔW is the same, α is not. After a
   * crash at any time, a reader finds the old adapter, the new one, or an error (see `writeAdapter`).
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    assertOptions("save", options, saveNames);
    await writeAdapter(folder, { ...await recordOf(this), ...options });
    this.values.file = await adapterFile(folder);
  }

  /**
   * What is trained in full is replaced; then W' = W + Σ scaling · B A for every adapted weight, or m · V / ‖V‖ for
   * DoRA, and a bias of B is added to the layer's own.
   *
   * @throws {RangeError} when B has a bias and the layer has none, or a layer's weight is another's too: a head tied
   * to an adapted embedding would change with it.
   */
  weightChanges(): readonly WeightChange[] {
    for (const { linear } of this.sites) assertOwnWeight(this.model, linear);
    return [...this.#parts, ...this.terms].flatMap((part) => part.weightChanges());
  }

  /** Removes this adapter's sites alone; the last to go gives the parameters their `trainable` flags back. */
  remove(): void {
    this.#isOver = true;
    if (!this.model.adapters.has(this)) return;
    this.#detach();
    if (this.#standsFor) this.#standsFor.#restore();
  }

  /** Removes the adapter and frees its tensors; a second call does nothing. */
  [Symbol.dispose](): void {
    this.remove();
    for (const part of this.#parts) part[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }

  /** Goes back on the model; where it was removed in the meantime, what it stood for does. */
  #restore(): void {
    if (!this.#isOver) this.#detach = this.#attach();
    else if (this.#standsFor) this.#standsFor.#restore();
  }

  get #parts() {
    return [this.modules, this.biases, this.tables, this.tokens];
  }

  #attach(): () => void {
    const { model, modules, biases } = this;
    const giveBack = this.#parts.map((part) => part.put());
    const layers = this.terms.map((site) => [site.linear, site] as const);
    const detach = attach(model, this, layers, [...modules.parameters, ...biases.parameters]);
    return () => {
      for (const give of giveBack) give();
      detach();
    };
  }
}
