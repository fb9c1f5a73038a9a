/** Okabe and Ito's colours, which people with any colour vision tell apart, darker ones first. */
export const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"] as const;

/** For paths over maps and curves: dark enough on every colour of a map, and none of a curve's. */
export const trailColors = ["#d55e00", "#000000", "#007a5a", "#b3478c", "#7a4b00", "#4b2aa8"] as const;

/** Dark purple to yellow, evenly in lightness (after matplotlib's viridis); for lines. */
export const lineColors = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d2c71e"] as const;

/** Blue to amber, pale enough to draw upon; for regions. */
export const fillColors = [
  "#7a9cc6",
  "#a5bfd9",
  "#c6dae6",
  "#e2edea",
  "#f3f2dc",
  "#fbeec0",
  "#f9dea3",
] as const;

/** So many colours, evenly spaced along a list of them. */
export function blend(colors: readonly string[], count: number): string[] {
  const channel = (color: string, k: number) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
  return Array.from({ length: count }, (_, i) => {
    const place = count > 1 ? (i / (count - 1)) * (colors.length - 1) : 0;
    const [low, high] = [colors[Math.floor(place)]!, colors[Math.ceil(place)]!];
    const mixed = [0, 1, 2].map((k) => {
      const value = channel(low, k) + (place % 1) * (channel(high, k) - channel(low, k));
      return Math.round(value).toString(16).padStart(2, "0");
    });
    return `#${mixed.join("")}`;
  });
}
