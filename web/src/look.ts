/** How the keypoints and edges of a skeleton are drawn: colours, groups that scale together, weights.
 *
 * Colours come from the server; this file follows the drawings of the Python package in everything else.
 */

import type { Color, Skeleton } from "./protocol";

const MIDDLE: Color = [236, 240, 246];
const IDENTITIES: readonly Color[] = [
  [86, 180, 233],
  [240, 228, 66],
  [0, 190, 140],
  [235, 140, 190],
  [250, 170, 20],
  [150, 150, 255],
  [250, 110, 70],
  [160, 220, 90],
  [210, 190, 150],
  [190, 200, 210],
];
const FACE = /(face|jaw|brow|lip|mesh|contour|iris|pupil|eye|nose|mouth)\D*\d/;
const FINGER = /(thumb|index|fore|middle|ring|pinky|little|small)(?=.*(\d|mcp|pip|dip|tip|cmc|ip$))/;
const HEAD = /eye|ear|nose|mouth|head|brow|face|chin|jaw|lip/;
const ANCHORS = [/^(left|right)_shoulder$/, /^wrist$/];
const DENSE_FACE = 20;
const DENSE_HAND = 10;
const MESH = 150;

export type Kind = "body" | "hand" | "face";

export interface Group {
  readonly kind: Kind;
  readonly columns: readonly number[];
}

export interface Look {
  readonly points: readonly Color[];
  readonly edges: readonly { readonly a: number; readonly b: number; readonly color: Color }[];
  readonly groups: readonly Group[];
  readonly groupOf: readonly number[];
  readonly weight: readonly number[];
  /** Whether there are so many points that lines and dots have to be finer. */
  readonly mesh: boolean;
  /** Columns whose middle leaves a trail where all of them are seen; none: the middle of whatever is seen. */
  readonly anchors: readonly number[];
}

export function css(color: Color): string {
  return `rgb(${color.join(" ")})`;
}

export function identity(id: number | null): Color {
  return id === null ? [110, 226, 172] : IDENTITIES[id % IDENTITIES.length]!;
}

export function lookOf(skeleton: Skeleton): Look {
  const names = skeleton.keypoints.map((name) => name.toLowerCase());
  const kinds = kindsOf(names);
  const groups = grouped(names, kinds);
  const mesh = kinds.filter((kind) => kind === "face").length > MESH;
  return {
    points: skeleton.colors,
    edges: skeleton.edges.map(([a, b]) => ({ a, b, color: edgeColor(skeleton.colors, kinds, a, b) })),
    groups,
    groupOf: names.map((_, column) => groups.findIndex((group) => group.columns.includes(column))),
    weight: names.map((name, column) => weightOf(name, kinds[column]!, kinds.includes("face"), mesh)),
    mesh,
    anchors: anchorsOf(names),
  };
}

function kindsOf(names: readonly string[]): Kind[] {
  const faces = names.filter((name) => FACE.test(name)).length >= DENSE_FACE;
  const hands = names.filter((name) => FINGER.test(name)).length >= DENSE_HAND;
  const body = names.some((name) => /shoulder|hip|knee/.test(name));
  const root = body ? /hand|palm/ : /hand|palm|wrist/;
  return names.map((name) => {
    if (hands && (FINGER.test(name) || root.test(name))) return "hand";
    return faces && FACE.test(name) ? "face" : "body";
  });
}

/** The body is one group, the face another, and each hand one of its own. */
function grouped(names: readonly string[], kinds: readonly Kind[]): Group[] {
  const columns = new Map<string, { kind: Kind; columns: number[] }>();
  names.forEach((name, column) => {
    const kind = kinds[column]!;
    const key = kind === "hand" ? `hand ${/left|right/.exec(name)?.[0] ?? ""}` : kind;
    if (!columns.has(key)) columns.set(key, { kind, columns: [] });
    columns.get(key)!.columns.push(column);
  });
  return [...columns.values()];
}

function weightOf(name: string, kind: Kind, dense: boolean, mesh: boolean): number {
  if (kind === "face") return mesh ? 0.35 : 0.5;
  return kind === "body" && dense && HEAD.test(name) ? 0.6 : 1;
}

/** An edge has the colour of its outer end, the later one; from left to right it is of the middle. */
function edgeColor(colors: readonly Color[], kinds: readonly Kind[], a: number, b: number): Color {
  const [from, to] = [side(colors[a]!), side(colors[b]!)];
  if (kinds[b] === "hand") return colors[b]!;
  if (from && to && from !== to) return MIDDLE;
  return to || !from ? colors[b]! : colors[a]!;
}

function side([red, , blue]: Color): "left" | "right" | "" {
  if (Math.abs(red - blue) < 40) return "";
  return blue > red ? "left" : "right";
}

function anchorsOf(names: readonly string[]): number[] {
  for (const wanted of ANCHORS) {
    const found = names.flatMap((name, column) => (wanted.test(name) ? [column] : []));
    if (found.length > 0) return found;
  }
  return [];
}
