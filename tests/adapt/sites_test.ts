import { assertEquals, assertThrows } from "@std/assert";
import { selectSites, type SiteSelection } from "../../src/adapt/mod.ts";
import { listNames } from "../../src/core/module_names.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { tinyModel } from "./fixtures.ts";

const c_attn = "transformer.h.0.attn.c_attn";

function namesOf(selection: SiteSelection): string[] {
  using device = new DryDevice();
  using model = tinyModel(device);
  return selectSites(model, selection).map(({ name }) => name.replace("transformer.h.", ""));
}

Deno.test("roles name that site of every layer, in the order of the forward pass, each once", () => {
  assertEquals(namesOf({ sites: ["v", "q", "v"] }), [
    ...["0.attn.c_attn:q", "0.attn.c_attn:v"],
    ...["1.attn.c_attn:q", "1.attn.c_attn:v"],
  ]);
  assertEquals(namesOf({ sites: ["o", "down"] }), [
    ...["0.attn.c_proj", "0.mlp.c_proj", "1.attn.c_proj", "1.mlp.c_proj"],
  ]);
});

Deno.test("all is every site of every layer", () => {
  const names = ["c_attn:q", "c_attn:k", "c_attn:v", "c_proj"].map((name) => `attn.${name}`);
  const block = [...names, "mlp.c_fc", "mlp.c_proj"];
  assertEquals(
    namesOf({ sites: "all" }),
    [0, 1].flatMap((n) => block.map((name) => `${n}.${name}`)),
  );
});

Deno.test("a path is the whole weight, a path with a role one site of it", () => {
  assertEquals(namesOf({ sites: [c_attn] }), ["0.attn.c_attn"]);
  assertEquals(namesOf({ sites: [`${c_attn}:k`] }), ["0.attn.c_attn:k"]);
  assertEquals(namesOf({ sites: ["transformer.h.1.mlp.c_fc:up"] }), ["1.mlp.c_fc"]);
});

Deno.test("rows of the sites are those of the fused weight", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const rows = selectSites(model, { sites: ["k", "up"] }).map(({ rows }) => rows);
  assertEquals(rows.slice(0, 2), [{ start: 12, count: 12 }, { start: 0, count: 48 }]);
});

Deno.test("targetModules: a list matches whole names and endings after a dot", () => {
  assertEquals(namesOf({ targetModules: ["c_proj"] }), [
    ...["0.attn.c_proj", "0.mlp.c_proj", "1.attn.c_proj", "1.mlp.c_proj"],
  ]);
  assertEquals(namesOf({ targetModules: [c_attn, "1.mlp.c_fc"] }), ["0.attn.c_attn", "1.mlp.c_fc"]);
  assertThrows(() => namesOf({ targetModules: ["_attn"] }), RangeError, 'found "_attn"');
});

Deno.test("targetModules: a string is a regular expression for the whole name", () => {
  assertEquals(namesOf({ targetModules: ".*attn\\.c_(attn|proj)" }), [
    ...["0.attn.c_attn", "0.attn.c_proj", "1.attn.c_attn", "1.attn.c_proj"],
  ]);
  assertThrows(() => namesOf({ targetModules: "c_attn" }), RangeError, 'found "c_attn"');
  assertThrows(() => namesOf({ targetModules: "c_(attn" }), SyntaxError, "targetModules");
});

Deno.test("targetModules: all-linear is every whole weight", () => {
  const block = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"];
  const expected = [0, 1].flatMap((n) => block.map((name) => `${n}.${name}`));
  assertEquals(namesOf({ targetModules: "all-linear" }), expected);
});

Deno.test("one name that matches nothing is an error that lists what there is", () => {
  const known = "transformer.h.0…1.attn.c_attn";
  assertThrows(() => namesOf({ sites: ["q", "w"] }), RangeError, `${known}:q`);
  assertThrows(() => namesOf({ targetModules: ["c_attn", "dense"] }), RangeError, known);
  assertThrows(
    () => namesOf({ sites: ["q", "w"] }),
    RangeError,
    "role (q, k, v, o, up, down, head)",
  );
});

Deno.test("an empty or a double selection is refused", () => {
  assertThrows(() => namesOf({}), TypeError, "found neither");
  assertThrows(() => namesOf({ sites: ["q"], targetModules: ["c_attn"] }), TypeError, "found both");
  assertThrows(() => namesOf({ sites: [] }), RangeError, "found none");
  assertThrows(() => namesOf({ targetModules: [] }), RangeError, "found none");
});

Deno.test("a selection of another type is shown with what it should be", () => {
  const refused = (selection: unknown, sentence: string) =>
    assertThrows(() => namesOf(selection as SiteSelection), TypeError, sentence);
  const sites = 'sites must be a list such as ["o", "down"] or "all", found ';
  refused({ sites: "o,down" }, `${sites}"o,down"`);
  refused({ sites: ["q", 3] }, `${sites}["q",3]`);
  const modules =
    'targetModules must be a list such as ["c_attn"], a pattern or "all-linear", found ';
  refused({ targetModules: 3 }, `${modules}3`);
  refused({ targetModules: { c_attn: true } }, `${modules}{"c_attn":true}`);
});

Deno.test("sites of one adapter do not share rows", () => {
  assertThrows(
    () => namesOf({ sites: ["k", c_attn] }),
    RangeError,
    `found ${c_attn} and ${c_attn}:k`,
  );
});

Deno.test("lists of names fold the numbers of layers", () => {
  assertEquals(listNames(["a.0.b", "a.1.b", "a.0.c", "d"]), "a.0…1.b, a.0.c, d");
  assertEquals(listNames(["a.0.b", "a.2.b"]), "a.{0,2}.b");
});

Deno.test("sites are numbered by the model and not by the selection", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const all = new Map(selectSites(model, { sites: "all" }).map(({ name, index }) => [name, index]));
  assertEquals(new Set(all.values()).size, all.size);
  for (const { name, index } of selectSites(model, { sites: ["v"] })) {
    assertEquals(index, all.get(name));
  }
});
