/** Signatures as text, from the JSON of `deno doc`. @module */

// deno-lint-ignore no-explicit-any -- the JSON of deno doc
type Node = any;

/** A type as TypeScript writes it, on one line. */
export function typeText(type: Node): string {
  if (type === undefined || type === null) return "unknown";
  const { kind, value } = type, print = printers[kind];
  if (print) return print(value, type);
  throw new TypeError(`deno doc has a type of an unknown kind, ${kind}`);
}

const list = (types: readonly Node[] = [], between = ", "): string =>
  types.map(typeText).join(between);

const given = (types: readonly Node[] | undefined): string => types ? `<${list(types)}>` : "";

const printers: Readonly<Record<string, (value: Node, type: Node) => string>> = {
  keyword: (value) => value,
  this: () => "this",
  literal: literalText,
  typeRef: ({ typeName, typeParams }) => typeName + given(typeParams),
  typeQuery: (value, { repr }) => `typeof ${typeof value === "string" ? value : repr}`,
  typePredicate: ({ asserts, param, type }) =>
    `${asserts ? "asserts " : ""}${param.name ?? param.type}${type ? ` is ${typeText(type)}` : ""}`,
  union: (types) => list(types, " | "),
  intersection: (types) => list(types, " & "),
  array: (type) => `${inBrackets(type)}[]`,
  tuple: (types) => `[${list(types)}]`,
  typeOperator: ({ operator, tsType }) => `${operator} ${typeText(tsType)}`,
  parenthesized: (type) => `(${typeText(type)})`,
  rest: (type) => `...${typeText(type)}`,
  optional: (type) => `${typeText(type)}?`,
  fnOrConstructor: ({ constructor, params, tsType, typeParams }) =>
    `${constructor ? "new " : ""}${typeParamsText(typeParams)}(${paramsText(params)}) => ${
      typeText(tsType)
    }`,
  conditional: ({ checkType, extendsType, trueType, falseType }) =>
    `${typeText(checkType)} extends ${typeText(extendsType)} ? ${typeText(trueType)} : ${
      typeText(falseType)
    }`,
  infer: ({ typeParam }) => `infer ${typeParam.name}`,
  indexedAccess: ({ objType, indexType }) => `${inBrackets(objType)}[${typeText(indexType)}]`,
  mapped: ({ readonly, optional, typeParam, nameType, tsType }) =>
    `{ ${readonly ? "readonly " : ""}[${typeParam.name} in ${typeText(typeParam.constraint)}${
      nameType ? ` as ${typeText(nameType)}` : ""
    }]${optional ? "?" : ""}: ${typeText(tsType)} }`,
  typeLiteral: (value) => `{ ${membersOf(value).join("; ")} }`,
};

/** A type before `[]`; a union or a function there needs brackets. */
function inBrackets(type: Node): string {
  const text = typeText(type);
  return /^(union|intersection|fnOrConstructor|typeOperator|conditional)$/.test(type.kind)
    ? `(${text})`
    : text;
}

function literalText({ kind, string, tsTypes }: Node, { repr }: Node): string {
  if (kind === "string") return JSON.stringify(string);
  return kind === "template" ? `\`${tsTypes.map(templatePart).join("")}\`` : repr;
}

const templatePart = (type: Node): string =>
  type.kind === "literal" && type.value.kind === "string"
    ? type.value.string
    : `\${${typeText(type)}}`;

function typeParamsText(params?: readonly Node[]): string {
  if (!params?.length) return "";
  const one = ({ name, constraint, default: otherwise }: Node) =>
    `${name}${constraint ? ` extends ${typeText(constraint)}` : ""}${
      otherwise ? ` = ${typeText(otherwise)}` : ""
    }`;
  return `<${params.map(one).join(", ")}>`;
}

/** Parameters by name; one that is taken apart is `options`, and what it takes is in its type. */
const paramsText = (params: readonly Node[] = []): string => params.map(paramText).join(", ");

function paramText({ kind, name, optional, tsType, left, arg }: Node): string {
  if (kind === "assign") return paramText({ ...left, optional: true });
  if (kind === "rest") return `...${paramText({ ...arg, tsType: tsType ?? arg.tsType })}`;
  return `${name ?? "options"}${optional ? "?" : ""}: ${typeText(tsType)}`;
}

/** The members of a class, an interface or a type, a line each; private ones are none. */
function membersOf(def: Node): string[] {
  const { properties = [], methods = [], constructors = [] } = def;
  const shown = (member: Node) => member.accessibility !== "private";
  return [
    ...constructors.filter(shown).map(({ params }: Node) => `constructor(${paramsText(params)})`),
    ...(def.indexSignatures ?? []).map(({ params, tsType, readonly }: Node) =>
      `${readonly ? "readonly " : ""}[${paramsText(params)}]: ${typeText(tsType)}`
    ),
    ...(def.callSignatures ?? []).map(functionText),
    ...properties.filter(shown).map(propertyText),
    ...methods.filter(shown).map(methodText),
  ];
}

const words = (member: Node): string =>
  [
    member.accessibility === "protected" && "protected",
    member.isStatic && "static",
    member.isAbstract && "abstract",
    member.readonly && "readonly",
  ].filter(Boolean).map((word) => `${word} `).join("");

const propertyText = (member: Node): string =>
  `${words(member)}${member.name}${member.optional ? "?" : ""}: ${typeText(member.tsType)}`;

function methodText(member: Node): string {
  const accessor = /^(getter|setter)$/.test(member.kind) ? `${member.kind.slice(0, 3)} ` : "";
  return `${words(member)}${accessor}${member.name}${member.optional ? "?" : ""}${
    functionText(member.functionDef ?? member)
  }`;
}

const functionText = ({ typeParams, params, returnType }: Node): string =>
  `${typeParamsText(typeParams)}(${paramsText(params)}): ${typeText(returnType)}`;

const extended = ({ extends: base, implements: kept, superTypeParams }: Node): string => {
  const bases = Array.isArray(base) ? list(base) : base && base + given(superTypeParams);
  return `${bases ? ` extends ${bases}` : ""}${kept?.length ? ` implements ${list(kept)}` : ""}`;
};

/** A declaration: its own line, and a line for each member. */
export function declarationLines({ kind, def }: Node): string[] {
  switch (kind) {
    case "function":
      return [`function${functionText(def)}`];
    case "variable":
      return [`${def.kind}: ${typeText(def.tsType)}`];
    case "typeAlias":
      return [`type${typeParamsText(def.typeParams)} = ${typeText(def.tsType)}`];
    case "class":
    case "interface": {
      const abstract = def.isAbstract ? "abstract " : "";
      const head = `${abstract}${kind}${typeParamsText(def.typeParams)}${extended(def)}`;
      return [head, ...membersOf(def).map((line) => `.${line}`).sort()];
    }
    default:
      throw new TypeError(`deno doc has a declaration of an unknown kind, ${kind}`);
  }
}
