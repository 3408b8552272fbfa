/** Draws poses over a picture: rims, limbs, points, trails and ids. */

import { type Group, type Look, css, identity } from "./look";
import type { Pose } from "./motion";
import type { Color } from "./protocol";
import type { Trails } from "./trails";

const LINE = 0.008; // width of a limb as a share of the square root of the picture's area
const EXTENT_SHARE = 0.028; // and at most this share of the longer side of what it belongs to
const THINNEST = 1.1; // device pixels
const OPACITY = 0.92;
const LEVELS = 5; // steps of opacity, so that lines of one look are one path
const INK = "rgb(12 14 20)";

/** Where a picture lies on the canvas, in device pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly mirrored: boolean;
}

export interface Marks {
  readonly ids: boolean;
  readonly trails: boolean;
  /** Keypoints and instances that score below are left out. */
  readonly score: number;
  /** Device pixels in a pixel of the page. */
  readonly density: number;
}

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Draw everybody; gives the number of instances drawn. */
export function drawPoses(
  ctx: Context,
  place: Place,
  poses: readonly Pose[],
  look: Look,
  marks: Marks,
  trails: Trails | null,
  time: number,
): number {
  const drawn = poses.filter((pose) => pose.score >= marks.score);
  const layer = layerOf(ctx);
  layer.save();
  layer.clearRect(place.x, place.y, place.width, place.height);
  layer.beginPath();
  layer.rect(place.x, place.y, place.width, place.height);
  layer.clip();
  layer.lineCap = layer.lineJoin = "round";
  if (marks.trails) trails?.draw(layer, place, time, marks.density);
  const bodies = drawn.map((pose) => bodyOf(pose, place, look, marks.score));
  for (const body of bodies) drawBody(layer, body, look);
  if (marks.ids) for (const body of bodies) drawTag(layer, body, place, marks.density);
  layer.restore();
  const { x, y, width, height } = place;
  if (drawn.length > 0 || marks.trails) ctx.drawImage(layer.canvas, x, y, width, height, x, y, width, height);
  return drawn.length;
}

const layers = new WeakMap<object, CanvasRenderingContext2D>();

/** A canvas of the same size, on which lines replace what is below them instead of mixing with it. */
function layerOf({ canvas }: Context): CanvasRenderingContext2D {
  const layer = layers.get(canvas) ?? document.createElement("canvas").getContext("2d")!;
  layers.set(canvas, layer);
  const { width, height } = canvas;
  if (layer.canvas.width !== width || layer.canvas.height !== height) Object.assign(layer.canvas, { width, height });
  return layer;
}

export function placeX(place: Place, share: number): number {
  return place.x + place.width * (place.mirrored ? 1 - share : share);
}

export function placeY(place: Place, share: number): number {
  return place.y + place.height * share;
}

/** A pose in device pixels, with the widths that suit its size. */
interface Body {
  readonly pose: Pose;
  readonly xs: Float32Array;
  readonly ys: Float32Array;
  /** Opacity of every keypoint; 0 is not drawn. */
  readonly alpha: Float32Array;
  /** Width of lines at every keypoint. */
  readonly widths: Float32Array;
  /** Share of its size that every dot is drawn with. */
  readonly dots: Float32Array;
  readonly top: number;
  readonly middle: number;
}

function bodyOf(pose: Pose, place: Place, look: Look, score: number): Body {
  const count = look.points.length;
  const [xs, ys, alpha] = [new Float32Array(count), new Float32Array(count), new Float32Array(count)];
  for (let k = 0; k < count; k++) {
    const [x, y, s] = [pose.points[3 * k]!, pose.points[3 * k + 1]!, pose.points[3 * k + 2]!];
    xs[k] = placeX(place, x);
    ys[k] = placeY(place, y);
    alpha[k] = Number.isNaN(x) || s < score ? 0 : OPACITY * Math.sqrt(Math.min(1, s)) * pose.alpha;
  }
  const extents = look.groups.map((group) => extentOf(group, xs, ys, alpha));
  const limit = LINE * Math.sqrt(place.width * place.height);
  const width = (k: number) => Math.min(limit, EXTENT_SHARE * (extents[look.groupOf[k]!] || Infinity));
  return {
    pose,
    xs,
    ys,
    alpha,
    widths: Float32Array.from(xs, (_, k) => Math.max(THINNEST, width(k) * look.weight[k]!)),
    dots: Float32Array.from(xs, (_, k) => detail(look.groups[look.groupOf[k]!]!, extents[look.groupOf[k]!]!, look)),
    ...topOf(pose, place, xs, ys, alpha),
  };
}

function extentOf(group: Group, xs: Float32Array, ys: Float32Array, alpha: Float32Array): number {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const k of group.columns) {
    if (alpha[k] === 0) continue;
    left = Math.min(left, xs[k]!);
    right = Math.max(right, xs[k]!);
    top = Math.min(top, ys[k]!);
    bottom = Math.max(bottom, ys[k]!);
  }
  return Math.max(0, right - left, bottom - top);
}

/** Points of small faces and hands give way to the picture below. */
function detail(group: Group, extent: number, look: Look): number {
  if (group.kind === "body") return 1;
  const scale = look.mesh ? 2 : 1;
  return Math.min(1, Math.max(0, (extent / scale - 48) / 24));
}

function topOf(pose: Pose, place: Place, xs: Float32Array, ys: Float32Array, alpha: Float32Array) {
  const shown = [...xs.keys()].filter((k) => alpha[k]! > 0);
  const [left, right] = [Math.min(...shown.map((k) => xs[k]!)), Math.max(...shown.map((k) => xs[k]!))];
  const top = Math.min(...shown.map((k) => ys[k]!));
  const box = pose.box;
  return box
    ? { top: Math.min(top, placeY(place, box[1])), middle: placeX(place, (box[0] + box[2]) / 2) }
    : { top, middle: (left + right) / 2 };
}

/** Lines of one look are gathered into one path: a face has hundreds. */
class Paths {
  readonly #paths = new Map<string, { path: Path2D; style: string; alpha: number; width: number }>();

  of(style: string, alpha: number, width: number): Path2D {
    const level = Math.ceil(alpha * LEVELS) / LEVELS;
    const rounded = Math.round(width * 4) / 4;
    const key = `${style} ${level} ${rounded}`;
    const known = this.#paths.get(key) ?? { path: new Path2D(), style, alpha: level, width: rounded };
    this.#paths.set(key, known);
    return known.path;
  }

  stroke(ctx: Context): void {
    for (const { path, style, alpha, width } of this.#paths.values()) {
      ctx.strokeStyle = style;
      ctx.lineWidth = width;
      replace(ctx, alpha, () => ctx.stroke(path));
    }
  }

  fill(ctx: Context): void {
    for (const { path, style, alpha } of this.#paths.values()) {
      ctx.fillStyle = style;
      replace(ctx, alpha, () => ctx.fill(path));
    }
  }
}

/** Paint a shape in place of what is there: a translucent limb does not let its own dark rim through. */
function replace(ctx: Context, alpha: number, paint: () => void): void {
  if (alpha < 1) {
    ctx.globalCompositeOperation = "destination-out";
    paint();
    ctx.globalCompositeOperation = "source-over";
  }
  ctx.globalAlpha = Math.min(1, alpha);
  paint();
  ctx.globalAlpha = 1;
}

function rim(width: number): number {
  return Math.min(4, Math.max(0.95, 0.3 * width));
}

function drawBody(ctx: Context, body: Body, look: Look): void {
  const [rims, limbs] = [new Paths(), new Paths()];
  for (const { a, b, color } of look.edges) {
    const alpha = Math.min(body.alpha[a]!, body.alpha[b]!);
    if (alpha === 0) continue;
    const width = Math.min(body.widths[a]!, body.widths[b]!);
    if (!look.mesh) line(rims.of(INK, 0.7 * alpha, width + 2 * rim(width)), body, a, b);
    line(limbs.of(css(color), alpha, width), body, a, b);
  }
  rims.stroke(ctx);
  limbs.stroke(ctx);
  drawDots(ctx, body, look);
}

function line(path: Path2D, body: Body, a: number, b: number): void {
  path.moveTo(body.xs[a]!, body.ys[a]!);
  path.lineTo(body.xs[b]!, body.ys[b]!);
}

/** A dark rim, a white ring and the colour; one of many dots has the colour alone. */
function drawDots(ctx: Context, body: Body, look: Look): void {
  const [rims, rings, cores] = [new Paths(), new Paths(), new Paths()];
  for (let k = 0; k < body.alpha.length; k++) {
    const [alpha, share] = [body.alpha[k]!, body.dots[k]!];
    const radius = body.widths[k]! * share;
    if (alpha === 0 || share === 0) continue;
    const small = look.groups[look.groupOf[k]!]!.kind === "face" || radius < 1.8;
    if (!look.mesh) dot(rims.of(INK, 0.7 * alpha, 0), body, k, radius + rim(radius));
    if (!small) dot(rings.of("#fff", alpha, 0), body, k, radius);
    dot(cores.of(css(look.points[k]!), alpha, 0), body, k, small ? 0.8 * radius : 0.64 * radius);
  }
  rims.fill(ctx);
  rings.fill(ctx);
  cores.fill(ctx);
}

function dot(path: Path2D, body: Body, k: number, radius: number): void {
  path.moveTo(body.xs[k]! + radius, body.ys[k]!);
  path.arc(body.xs[k]!, body.ys[k]!, radius, 0, 2 * Math.PI);
}

function drawTag(ctx: Context, body: Body, place: Place, density: number): void {
  const { pose, top, middle } = body;
  const words = [pose.label, pose.id === null ? "" : `${pose.id}`].filter(Boolean).join(" ");
  if (!words || !Number.isFinite(top)) return;
  ctx.font = `600 ${12 * density}px system-ui, sans-serif`;
  const [width, height] = [ctx.measureText(words).width + 12 * density, 19 * density];
  const x = Math.min(place.x + place.width - width, Math.max(place.x, middle - width / 2));
  const y = Math.max(place.y + 4 * density, top - height - 8 * density);
  ctx.globalAlpha = pose.alpha;
  ctx.fillStyle = css(tagColor(pose));
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, height / 2);
  ctx.fill();
  ctx.fillStyle = INK;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(words, x + width / 2, y + height / 2 + 0.5 * density);
  ctx.globalAlpha = 1;
}

/** By track, else by the side that the label names, as in the drawings of the Python package. */
function tagColor(pose: Pose): Color {
  if (pose.id !== null) return identity(pose.id);
  if (pose.label === "left") return [64, 160, 255];
  return pose.label === "right" ? [255, 158, 30] : identity(null);
}
