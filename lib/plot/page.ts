/*
 * The two outward forms of an animation: a page with controls, and an SVG that moves by CSS alone.
 * In both the picture is the figure's own SVG with a group laid over its plot area.
 */
import { createHash } from "node:crypto";
import { fontFamily } from "./drawing.js";

/** One path in pixels of the plot, with a sentence for each step. */
export interface Trail {
  name: string;
  color: string;
  /** Null for points that have no place. */
  points: (number[] | null)[];
  texts: string[];
}

/** Everything that a page or an animated SVG shows. */
export interface Scene {
  /** The picture behind, whose plot area starts at `left`, `top`. */
  svg: string;
  title: string;
  width: number;
  height: number;
  left: number;
  top: number;
  trails: readonly Trail[];
  /** Whether a pale border sets the trails off from what is behind. */
  hasHalo: boolean;
  /** How many steps the longest path has. */
  steps: number;
  /** Milliseconds from step to step. */
  interval: number;
}

function escape(text: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (letter) => names[letter]!);
}

const monospace = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** Runs in the page: the data element holds the trails, whose elements bear their numbers. */
const script = `
const { trails, steps, interval } = JSON.parse(document.getElementById("data").textContent);
const [play, slider, count] = ["play", "slider", "count"].map((id) => document.getElementById(id));
let timer = 0;
function show(step) {
  slider.value = step;
  count.textContent = "step " + step + " of " + (steps - 1);
  trails.forEach(({ points, texts }, k) => {
    const at = Math.min(step, texts.length - 1);
    const seen = points.slice(0, step + 1).filter(Boolean);
    for (const line of document.querySelectorAll(".trail" + k)) line.setAttribute("points", seen.join(" "));
    const now = document.getElementById("now" + k);
    now.setAttribute("visibility", seen.length ? "visible" : "hidden");
    if (seen.length) now.setAttribute("transform", "translate(" + seen[seen.length - 1] + ")");
    document.getElementById("text" + k).textContent = at < 0 ? "no points" : texts[at];
  });
  slider.setAttribute("aria-valuetext", count.textContent);
}
function label(icon, text) {
  play.querySelector("path").setAttribute("d", icon);
  play.querySelector("span").textContent = text;
}
function pause() {
  clearInterval(timer);
  timer = 0;
  label("M1 0L10 5L1 10Z", "Play");
}
function start() {
  if (+slider.value >= steps - 1) show(0);
  label("M1 0H4V10H1ZM6 0H9V10H6Z", "Pause");
  timer = setInterval(() => {
    if (+slider.value < steps - 1) show(+slider.value + 1);
    if (+slider.value >= steps - 1) pause();
  }, interval);
}
play.addEventListener("click", () => (timer ? pause() : start()));
slider.addEventListener("input", () => { pause(); show(+slider.value); });
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
  const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === " ") play.click();
  else if (move) { pause(); show(Math.max(0, Math.min(steps - 1, +slider.value + move))); }
  else return;
  event.preventDefault();
});
pause();
show(0);
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
`;

const pageStyle = `
body { margin: 0; padding: 16px; background: #f4f4f4; color: #222; font: 14px ${fontFamily}; }
main { box-sizing: border-box; margin: auto; padding: 8px 16px 16px; background: white; border-radius: 8px; box-shadow: 0 1px 4px #0003; }
main > svg { display: block; max-width: 100%; height: auto; }
.texts { margin: 4px 0 12px; }
.texts div { display: flex; align-items: baseline; gap: 8px; font: 13px/22px ${monospace}; white-space: pre-wrap; }
.texts i { flex: none; align-self: flex-start; width: 10px; height: 10px; margin-top: 6px; border-radius: 5px; }
.texts b { font: bold 13px/22px ${fontFamily}; min-width: 6em; }
.controls { display: flex; align-items: center; gap: 12px; }
button { display: flex; align-items: center; justify-content: center; gap: 7px; min-width: 6.5em; padding: 6px 12px; border: 1px solid #0072b2; border-radius: 6px; background: #0072b2; color: white; font: inherit; cursor: pointer; }
button:focus-visible, input:focus-visible { outline: 3px solid #e69f00; outline-offset: 2px; }
input { flex: 1; min-width: 60px; accent-color: #0072b2; }
output { min-width: 8em; text-align: right; font-variant-numeric: tabular-nums; }
`;

/** A page that needs nothing but itself: its policy forbids every request, and every script but its own. */
export function htmlPage(scene: Scene): string {
  const { trails, hasHalo, steps, interval, title, width } = scene;
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'`;
  const heading = escape(title === "" ? "Path of an optimizer" : title);
  const json = JSON.stringify({ trails, steps, interval }).replace(/</g, "\\u003c");
  const overlay = trails.map(({ color }, k) => {
    const marker = `<marker id="dot${k}" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" refX="4" refY="4"><circle cx="4" cy="4" r="2.6" fill="${color}"/></marker>`;
    const halo = `<polyline class="trail${k}" fill="none" stroke="white" stroke-opacity="0.8" stroke-width="4"/>`;
    const line = `<polyline class="trail${k}" fill="none" stroke="${color}" stroke-width="1.6" marker-start="url(#dot${k})" marker-mid="url(#dot${k})"/>`;
    return `${marker}${hasHalo ? halo : ""}${line}<circle id="now${k}" r="6" fill="${color}" stroke="white" stroke-width="2" visibility="hidden"/>`;
  });
  const texts = trails.map(({ name, color }, k) => {
    const label = name === "" ? "" : `<b>${escape(name)}</b>`;
    return `<div><i style="background: ${color}"></i>${label}<span id="text${k}"></span></div>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading}</title>
<style>${pageStyle}main { max-width: ${width + 32}px; }</style>
</head>
<body>
<main>
${layOver(scene, overlay.join(""))}
<div class="texts">${texts.join("")}</div>
<div class="controls">
<button id="play" type="button"><svg width="10" height="10" aria-hidden="true"><path fill="currentColor"/></svg><span></span></button>
<input id="slider" type="range" min="0" max="${steps - 1}" value="0" aria-label="Step">
<output id="count"></output>
</div>
</main>
<script type="application/json" id="data">${json}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Puts shapes over the plot area of the picture. */
function layOver({ svg, left, top }: Scene, shapes: string): string {
  return svg.replace(/<\/svg>\s*$/, `<g transform="translate(${left},${top})">${shapes}</g></svg>`);
}

/** How long the last step stays before the SVG begins again, in milliseconds. */
const finalPause = 2000;

/**
 * An SVG that plays by CSS: each step's group shows for its part of the cycle. Where nothing moves
 * (readers who prefer that, programs without CSS) the last step is seen.
 */
export function animatedSvg(scene: Scene): string {
  const { trails, hasHalo, steps, interval, width, height } = scene;
  const total = (steps - 1) * interval + Math.max(interval, finalPause);
  const percent = (step: number) => `${Number((((step * interval) / total) * 100).toFixed(3))}%`;
  const frames = Array.from({ length: steps }, (_, step) => step);
  const keyframes = frames.map((step) => {
    const from = step === 0 ? "" : `0%{visibility:hidden}`;
    const to = step === steps - 1 ? "" : `${percent(step + 1)}{visibility:hidden}`;
    const show = `${percent(step)}{visibility:visible}`;
    return `@keyframes now${step}{${from}${show}${to}}@keyframes seen${step}{${from}${show}}`;
  });
  const lines = trails.map((trail, k) => animatedLine(trail, k, hasHalo, frames, percent));
  const dots = frames.map((step) => {
    const shapes = trails.flatMap(({ points, color }) => {
      const point = points[step];
      return point ? [`<circle cx="${point[0]}" cy="${point[1]}" r="2.6" fill="${color}"/>`] : [];
    });
    return `<g class="a" style="animation-name:seen${step}">${shapes.join("")}</g>`;
  });
  const current = frames.map((step) => {
    const shapes = trails.flatMap(({ points, color }) => {
      const point = points.slice(0, step + 1).findLast((p) => p !== null);
      if (!point) return [];
      return [
        `<circle cx="${point[0]}" cy="${point[1]}" r="6" fill="${color}" stroke="white" stroke-width="2"/>`,
      ];
    });
    return `${frameGroup(step, steps)}${shapes.join("")}</g>`;
  });
  const style =
    `.a{animation:${total}ms step-end infinite}.f{visibility:hidden}.last{visibility:visible}` +
    `@media(prefers-reduced-motion:reduce){.a{animation-duration:0s!important;animation-iteration-count:1!important}}` +
    keyframes.join("") +
    lines.map(({ keyframes }) => keyframes).join("");
  const overlay = lines.map(({ shapes }) => shapes).join("") + dots.join("") + current.join("");
  const head =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}"><style>${style}</style><rect width="${width}" height="${height}" fill="white"/>`;
  return `${head}${layOver(scene, overlay)}${sentences(scene, frames)}</svg>`;
}

function frameGroup(step: number, steps: number): string {
  return `<g class="a f${step === steps - 1 ? " last" : ""}" style="animation-name:now${step}">`;
}

/** The trail as one dash that grows from step to step. */
function animatedLine(
  { points, color }: Trail,
  k: number,
  hasHalo: boolean,
  frames: readonly number[],
  percent: (step: number) => string,
): { shapes: string; keyframes: string } {
  let [length, previous] = [0, undefined as number[] | undefined];
  const reached = frames.map((step) => {
    const point = points[step];
    if (point && previous) length += Math.hypot(point[0]! - previous[0]!, point[1]! - previous[1]!);
    previous = point ?? previous;
    return length;
  });
  const whole = Math.ceil(length) + 1;
  const offsets = reached.map((at, step) => `${percent(step)}{stroke-dashoffset:${(whole - at).toFixed(1)}}`);
  const path = points.filter((point) => point !== null).join(" ");
  const line = (stroke: string, width: number) =>
    `<polyline class="a" style="animation-name:trail${k}" points="${path}" fill="none" ` +
    `stroke="${stroke}" stroke-width="${width}" stroke-dasharray="${whole}"/>`;
  return {
    shapes: (hasHalo ? line("rgba(255,255,255,0.8)", 4) : "") + line(color, 1.6),
    keyframes: `@keyframes trail${k}{${offsets.join("")}}`,
  };
}

/** The step's number and its text about each path, below the picture. */
function sentences({ trails, steps, width, height }: Scene, frames: readonly number[]): string {
  const top = height - 18 * trails.length - 4;
  const nameWidth = Math.max(0, ...trails.map(({ name }) => name.length * 8 + (name === "" ? 0 : 12)));
  const names = trails.map(({ name, color }, k) => {
    const y = top + 18 * k;
    return (
      `<circle cx="22" cy="${y - 4}" r="5" fill="${color}"/>` +
      `<text x="36" y="${y}" font-family="${fontFamily}" font-size="13" font-weight="bold">${escape(name)}</text>`
    );
  });
  const texts = frames.map((step) => {
    const lines = trails.map(({ texts }, k) => {
      const text = texts[Math.min(step, texts.length - 1)] ?? "no points";
      return `<text x="${36 + nameWidth}" y="${top + 18 * k}">${escape(text)}</text>`;
    });
    const count = `<text x="${width - 16}" y="${top}" text-anchor="end">step ${step} of ${steps - 1}</text>`;
    return `${frameGroup(step, steps)}${lines.join("")}${count}</g>`;
  });
  return `${names.join("")}<g font-family="${monospace}" font-size="12.5" fill="#222">${texts.join("")}</g>`;
}
