// A signature drawn on the device: strokes of points, and when they are one. No drawing, and a dot, are none.
export interface Point {
  x: number;
  y: number;
}
export type Stroke = readonly Point[];

export const SIGNATURE_WIDTH = 900; // px of the picture that is stored
export const SIGNATURE_HEIGHT = 300;
const MIN_EXTENT_PX = 60; // between the outermost points
const MIN_LENGTH_PX = 120; // of all strokes together

export function isSignatureLike(strokes: readonly Stroke[]): boolean {
  const points = strokes.flat();
  if (!points.length) return false;
  const extent = (values: number[]) => Math.max(...values) - Math.min(...values);
  const widest = Math.max(extent(points.map((point) => point.x)), extent(points.map((point) => point.y)));
  return widest >= MIN_EXTENT_PX && lengthOf(strokes) >= MIN_LENGTH_PX;
}

function lengthOf(strokes: readonly Stroke[]): number {
  let length = 0;
  for (const stroke of strokes)
    for (let index = 1; index < stroke.length; index++) {
      const [from, to] = [stroke[index - 1]!, stroke[index]!];
      length += Math.hypot(to.x - from.x, to.y - from.y);
    }
  return length;
}
