/*
 * How wide text is. Nothing here has the reader's fonts, and Vega without a canvas takes every letter
 * for 0.8 of its size, which makes legends twice as wide as their text. These widths are DejaVu Sans's,
 * in which PNGs are drawn; Helvetica and Arial, which browsers use, are a little narrower.
 */
import { fontFamily } from "./drawing.js";

/** Letters by their width, in hundredths of the size of the text. */
const widths: readonly (readonly [number, string])[] = [
  [32, "ijlI.,:; '|"],
  [40, '()[]{}frt-!"/\\`'],
  [54, "kszxvycJ?_²³"],
  [68, "ABCEFKLPRSTVXYZwβπ"],
  [80, "GHNOQUDw&+−=<>"],
  [96, "mMW%@"],
];
const known = new Map(
  widths.flatMap(([width, letters]) => Array.from(letters, (letter) => [letter, width] as const)),
);

/** About how many pixels wide a line of text is. */
export function textWidth(text: string, size: number): number {
  let sum = 0;
  for (const letter of text) sum += known.get(letter) ?? (letter > "\u2e80" ? 100 : 63);
  return (sum * size) / 100;
}

/** A text of Vega's, as far as measuring it goes. */
interface Text {
  font?: string;
  fontSize?: number;
  fontWeight?: string | number;
}

type Measure = (item: Text, text: string | number | null | undefined) => number;

/** Bold letters are so much wider. */
const bold = 1.1;

let replaced: { by: Measure; measure: Measure; users: number } | undefined;

/**
 * Makes Vega measure the texts of plots by their letters, until the function returned is called. Other
 * users of Vega in this process keep its own measure.
 */
export function measureByLetters(vega: object): () => void {
  const { textMetrics } = vega as { textMetrics?: { width: Measure } };
  if (!textMetrics) return () => undefined;
  if (!replaced) {
    const measure = textMetrics.width;
    const by: Measure = (item, text) => {
      // Vega's own would shorten a text with a limit, and measure for that, and so on.
      if (item.font !== fontFamily) return measure({ ...item, limit: 0 } as Text, text);
      const isBold = item.fontWeight === "bold";
      return textWidth(`${text ?? ""}`, item.fontSize ?? 11) * (isBold ? bold : 1);
    };
    replaced = { by, measure, users: 0 };
    textMetrics.width = by;
  }
  const current = replaced;
  current.users++;
  return () => {
    if (--current.users > 0) return;
    if (textMetrics.width === current.by) textMetrics.width = current.measure;
    replaced = undefined;
  };
}
