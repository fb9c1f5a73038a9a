import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { animatePath, figure, type Surface } from "../../lib/plot/index.js";

const folder = mkdtempSync(join(tmpdir(), "adjoint-plot-"));
afterAll(() => rmSync(folder, { recursive: true }));

const saddle: Surface = (x, y) => x * x - y * y;

/** Where the plot lies in a picture. */
function plotArea(svg: string) {
  const [, left, top] = /transform="translate\(([\d.]+),([\d.]+)\)"><g class="mark-group role-frame/.exec(
    svg,
  )!;
  const [, width, height] = /class="background"[^>]*d="M0,0h([\d.]+)v([\d.]+)h/.exec(svg)!;
  return { left: Number(left), top: Number(top), width: Number(width), height: Number(height) };
}

/** The numbers of the path that bears a label. */
function labelledPath(svg: string, label: string): number[][] {
  const paths = [...svg.matchAll(/<path aria-label="([^"]*)"[^>]* d="([^"]*)"/g)];
  return paths
    .filter((match) => match[1] === label)
    .map((match) => [...match[2]!.matchAll(/-?[\d.]+(?:e-?\d+)?/g)].map(Number));
}

/** The labels along an axis, as numbers. */
function ticks(svg: string, axis: "X" | "Y"): number[] {
  const start = svg.indexOf(`aria-label="${axis}-axis`);
  const group = svg.slice(svg.indexOf("role-axis-label", start), svg.indexOf("role-axis-domain", start));
  const texts = [...group.matchAll(/<text[^>]* opacity="1"[^>]*>([^<]*)</g)];
  return texts.map((match) => Number(match[1]!.replaceAll("−", "-").replaceAll(",", "")));
}

function pixelsOf(svg: string) {
  const image = new Resvg(svg, { font: { loadSystemFonts: false } }).render();
  // Each look at the property copies them all.
  const { pixels } = image;
  const at = (x: number, y: number) => {
    const start = (Math.round(y) * image.width + Math.round(x)) * 4;
    return [...pixels.subarray(start, start + 3)];
  };
  return { width: image.width, height: image.height, at };
}

describe("figure", () => {
  it("shows labels, title, legend and notes", async () => {
    const svg = await figure({ xlabel: "time", ylabel: "loss", title: "Descent" })
      .plot([0, 1, 2], [4, 1, 0], { label: "Adam" })
      .plot([0, 1, 2], [4, 2, 1], { label: "SGD", dash: "dashed", marker: "square" })
      .scatter([1], [1], { label: "best" })
      .annotate("the minimum", { xy: [2, 0], xytext: [1, 3] })
      .toSVG();
    for (const text of ["time", "loss", "Descent", "Adam", "SGD", "best", "the minimum"]) {
      expect(svg).toContain(`>${text}</text>`);
    }
    expect(svg).toContain("role-legend");
    expect(svg).toContain('stroke-dasharray="7,4"');
    // Two curves, two colours.
    expect(svg).toContain('stroke="#0072b2"');
    expect(svg).toContain('stroke="#d55e00"');
  });

  it("has no legend without labels", async () => {
    expect(await figure().plot([0, 1], [0, 1]).toSVG()).not.toContain("role-legend");
  });

  it("points exactly at what a note is about", async () => {
    const svg = await figure({ xRange: [-1, 2], yRange: [-2, 2] })
      .annotate("minimum", { xy: [1.5, -1], xytext: [-0.5, 1] })
      .toSVG();
    const { left, top, width, height } = plotArea(svg);
    const [shaft, head] = labelledPath(svg, "arrow to (1.5, -1)");
    const tip = [(2.5 / 3) * width, (3 / 4) * height];
    expect(head![0]).toBeCloseTo(tip[0]!, 1);
    expect(head![1]).toBeCloseTo(tip[1]!, 1);
    // The shaft starts beside the text, below it and left of the tip.
    expect(shaft![0]).toBeGreaterThan((0.5 / 3) * width);
    expect(shaft![0]).toBeLessThan(tip[0]!);
    expect(shaft![1]).toBeGreaterThan((1 / 4) * height);
    const { at } = pixelsOf(svg);
    const away = at(left + tip[0]! + 12, top + tip[1]! + 7);
    expect(at(left + tip[0]! - 4, top + tip[1]! - 2)[0]).toBeLessThan(120);
    expect(away[0]).toBeGreaterThan(220);
  });

  it("leaves the arrow out when asked to", async () => {
    const svg = await figure()
      .annotate("note", { xy: [1, 1], xytext: [0, 0], arrow: false })
      .toSVG();
    expect(svg).toContain(">note</text>");
    expect(svg).not.toContain("arrow to");
  });

  it("leaves gaps at NaN and infinities, and takes empty data", async () => {
    const svg = await figure()
      .plot([0, 1, 2, 3, 4, 5], [0, 1, NaN, 1, Infinity, 2])
      .scatter([], [])
      .plot(new Float32Array(0), [])
      .toSVG();
    const line = /class="mark-line[\s\S]*?d="([^"]*)"/.exec(svg)![1]!;
    expect(line.match(/M/g)).toHaveLength(3);
    expect(svg).not.toContain("NaN");
    expect(ticks(svg, "Y").at(-1)).toBe(2);
    expect(await figure().toSVG()).toContain("<svg");
  });

  it("shows extreme and constant data", async () => {
    for (const values of [
      [1e300, -1e300],
      [5, 5],
      [0, 0],
      [1e-320, 0],
      [1e15, 1e15 + 0.125],
    ]) {
      const svg = await figure().plot([0, 1], values, { marker: "circle" }).toSVG();
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });

  it("has logarithmic axes, on which numbers that are not positive are gaps", async () => {
    const svg = await figure({ xScale: "log", yScale: "log", xRange: [1, 1000], yRange: [0.01, 1] })
      .plot([1, 10, 0, 100, 1000, -5], [1, 0.1, 0.1, 0.1, 0.01, 1], { marker: "circle" })
      .annotate("here", { xy: [10, 0.1], xytext: [2, 0.02] })
      .toSVG();
    expect(ticks(svg, "X")).toEqual([1, 10, 100, 1000]);
    expect(ticks(svg, "Y")).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]);
    const { width, height } = plotArea(svg);
    const line = /class="mark-line[\s\S]*?d="([^"]*)"/.exec(svg)![1]!;
    const numbers = [...line.matchAll(/-?[\d.]+/g)].map(([number]) => Number(number));
    const expected = [0, 0, width / 3, height / 2, (width * 2) / 3, height / 2, width, height];
    expect(line.match(/M/g)).toHaveLength(2);
    numbers.forEach((number, i) => expect(number).toBeCloseTo(expected[i]!, 1));
    const [, head] = labelledPath(svg, "arrow to (10, 0.1)");
    expect(head![0]).toBeCloseTo(width / 3, 1);
    expect(head![1]).toBeCloseTo(height / 2, 1);
  });

  it("shows what a logarithmic axis cannot", async () => {
    for (const values of [[], [0, -1], [5, 5], [1e-300, 1e300], [3, 4], [Infinity, 1]]) {
      const svg = await figure({ yScale: "log" })
        .plot([...values.keys()], values, { label: "a" })
        .toSVG();
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
    const log = figure({ xScale: "log" });
    expect(() => figure({ xScale: "logarithmic" as never })).toThrow("xScale must be linear or log");
    expect(() => figure({ yScale: "log", yRange: [0, 1] })).toThrow("yRange must be positive on a log axis");
    expect(() => log.annotate("a", { xy: [0, 1], xytext: [1, 1] })).toThrow("xy must be positive on a log");
    expect(() => log.contour(saddle, { xRange: [1, 2], yRange: [1, 2] })).toThrow("maps need linear axes");
  });

  it("writes the numbers of one axis or legend alike", async () => {
    const texts = (svg: string) => [...svg.matchAll(/<text[^>]* opacity="1"[^>]*>([^<]*)</g)].map(([, text]) => text!); // prettier-ignore
    const large = await figure({ xRange: [0, 1], yRange: [8e11, 1.2e12] }).toSVG();
    expect(texts(large).filter((text) => text.includes("e"))).toEqual(["8e+11", "8.5e+11", "9e+11", "9.5e+11", "1e+12", "1.05e+12", "1.1e+12", "1.15e+12", "1.2e+12"]); // prettier-ignore
    const levels = async (...given: number[]) => {
      const svg = await figure({ xRange: [-2, 2], yRange: [-2, 2] })
        .contour(saddle, { levels: given })
        .toSVG();
      return texts(svg.slice(svg.indexOf("role-legend"))).reverse();
    };
    expect(await levels(-0.5, 0, 3, 3.2)).toEqual(["−0.5", "0.0", "3.0", "3.2"]);
    expect(await levels(0.012, 3, 3.2, 310)).toEqual(["0.012", "3.0", "3.2", "310"]);
    expect(await levels(0, 1.5e6, 3e6)).toEqual(["0", "1.5e+6", "3.0e+6"]);
  });

  it("puts the legend where nothing is, as wide as its text", async () => {
    const legendOf = async (x: number[], y: number[]) => {
      const ranges = { xRange: [0, 1], yRange: [0, 1] } as const;
      const svg = await figure(ranges).plot(x, y, { label: "SGD, lr 0.001, until it stops" }).toSVG();
      const legend = svg.slice(svg.indexOf("role-legend"));
      const [, left, top] = /translate\(([\d.]+),([\d.]+)\)/.exec(legend)!;
      const [, width] = /class="background"[^>]*d="M[\d.,]+L([\d.]+)/.exec(legend)!;
      return { left: Number(left), top: Number(top), width: Number(width) };
    };
    const lowerLeft = await legendOf([0, 0.5, 0.9, 0.95], [1, 0.5, 0.95, 0.1]);
    expect(lowerLeft.left).toBeLessThan(100);
    expect(lowerLeft.top).toBeGreaterThan(200);
    expect(lowerLeft.width).toBeLessThan(250);
    expect(lowerLeft.width).toBeGreaterThan(170);
  });

  it("leaves Vega's measure of text to others", async () => {
    const { textMetrics } = (await import("vega")) as unknown as { textMetrics: { width: unknown } };
    const before = textMetrics.width;
    const pictures = [1, 2, 3].map((n) => figure().plot([0, n], [0, 1], { label: "a" }).toSVG());
    expect(textMetrics.width).toBe(before);
    await Promise.all(pictures);
    expect(textMetrics.width).toBe(before);
  });

  it("reads tensors and typed arrays", async () => {
    const tensor = { shape: [3], toArray: () => [0, 1, 2] };
    const svg = await figure()
      .plot(tensor, BigInt64Array.of(0n, 1n, 4n))
      .toSVG();
    expect(svg).toContain("mark-line");
    const column = { shape: [3, 1], toArray: () => [[0], [1], [2]] };
    expect(() => figure().plot(column, [0, 1, 2])).toThrow("x must be one-dimensional, but has shape [3,1]");
    expect(() => figure().plot([0], { toArray: () => 3 })).toThrow(
      "y must be an array of numbers or a 1-D tensor",
    );
  });

  it("says what is wrong", async () => {
    const fig = figure();
    const wrong = (value: unknown) => value as never;
    expect(() => fig.plot([1, 2, 3], [1, 2])).toThrow("plot: x has 3 points and y has 2");
    expect(() => fig.plot([1], [1], wrong({ colour: "red" }))).toThrow(/unknown option 'colour'.*'color'/);
    expect(() => fig.plot([1], [1], { color: 'red" onload="x' })).toThrow("color must be a CSS colour");
    expect(() => fig.plot([wrong("1")], [1])).toThrow('x[0] must be a number, but is the string "1"');
    expect(() => fig.scatter([1], [1], { marker: wrong("star") })).toThrow("marker must be one of circle");
    expect(() => fig.annotate("a", wrong({ xytext: [0, 0] }))).toThrow("xy must be an array");
    expect(() => fig.annotate("a", { xy: [NaN, 0], xytext: [0, 0] })).toThrow(
      "xy must be two finite numbers",
    );
    expect(() => figure({ width: -1 })).toThrow("width must be a number from 100 to 10000");
    expect(() => figure({ xRange: [2, 1] })).toThrow("xRange must rise, but is [2, 1]");
    expect(() => figure({ title: wrong({ signal: "1" }) })).toThrow("title must be a string");
    expect(() => fig.contour(saddle)).toThrow("a function needs xRange and yRange");
    expect(() => fig.contour(() => wrong("1"), { xRange: [0, 1], yRange: [0, 1] })).toThrow(
      "f(0, 0) must return a number",
    );
    expect(() => fig.contour([[1, 2, 3], [1, 2, 3]], { x: [0, 1], y: [0, 1] })).toThrow("z has shape [2,3]"); // prettier-ignore
    await expect(fig.save(join(folder, "a.gif"))).rejects.toThrow("must end in .svg or .png, not .gif");
    await expect(fig.save(join(folder, "none", "a.svg"))).rejects.toThrow("ENOENT");
  });

  it("carries any text without harm", async () => {
    const nasty = `</text><script>alert(1)</script>&"'\u0000\ud800 é 雪`;
    const svg = await figure({ title: nasty, xlabel: nasty, ylabel: nasty })
      .plot([0, 1], [0, 1], { label: nasty })
      .annotate(nasty, { xy: [0, 0], xytext: [1, 1] })
      .toSVG();
    expect(svg).not.toContain("<script");
    expect(svg).toContain("&lt;script&gt;");
    // An XML parser accepts it.
    expect(pixelsOf(svg).width).toBe(640);
  });
});

describe("the types", () => {
  it("do not need those of vega, which is optional", () => {
    const seen = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const code = readFileSync(file, "utf8").replace(/\/\*[^]*?\*\//g, ""); // examples import what they like
      const imports = code.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g);
      for (const [, name] of imports) {
        expect(name, file).toMatch(/^\.{1,2}\//);
        visit(join(dirname(file), name!.replace(/\.js$/, ".d.ts")));
      }
    };
    const types = fileURLToPath(new URL("../../dist/lib/plot/index.d.ts", import.meta.url));
    if (!existsSync(types)) throw new Error("the types are not built: npm run build");
    visit(types);
    expect([...seen].map((file) => basename(file))).toContain("drawing.d.ts");
  });
});

describe("contour", () => {
  it("draws each level where it is", async () => {
    const svg = await figure({ xRange: [-2, 2], yRange: [-2, 2] })
      .contour(saddle, { levels: [-2, 0, 1] })
      .toSVG();
    const { width, height } = plotArea(svg);
    for (const level of [-2, 1]) {
      const [path] = labelledPath(svg, `level ${level}`);
      expect(path!.length).toBeGreaterThan(100);
      for (let i = 0; i < path!.length; i += 2) {
        const [x, y] = [(path![i]! / width) * 4 - 2, 2 - (path![i + 1]! / height) * 4];
        expect(Math.abs(saddle(x, y) - level)).toBeLessThan(0.02);
      }
    }
    expect(labelledPath(svg, "level 0")).toHaveLength(1);
    for (const label of ["−2", "0", "1"]) expect(svg).toContain(`>${label}</text>`);
  });

  it("chooses round levels, and close ones at the bottom of a valley", async () => {
    const ranges = { xRange: [-2, 2], yRange: [-2, 2] } as const;
    const flat = await figure(ranges).contour(saddle).toSVG();
    const names = (svg: string) =>
      [...svg.matchAll(/aria-label="level ([^"]*)"/g)].map((match) => Number(match[1]));
    expect(names(flat)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    const valley = await figure(ranges)
      .contour((x, y) => 100 * (y - x * x) ** 2 + (1 - x) ** 2, { filled: true })
      .toSVG();
    expect(names(valley).length).toBeGreaterThan(6);
    expect(names(valley)[0]).toBeLessThan(5);
    expect(
      names(
        await figure(ranges)
          .contour(() => 1)
          .toSVG(),
      ),
    ).toEqual([]);
  });

  it("puts the scale of colours beside the map", async () => {
    const svg = await figure({ xRange: [-2, 2], yRange: [-2, 2] })
      .contour(saddle, { filled: true, label: "f" })
      .toSVG();
    const { left, width } = plotArea(svg);
    const [, x] = /translate\(([\d.]+),[\d.]+\)/.exec(svg.slice(svg.indexOf("role-legend")))!;
    expect(Number(x)).toBeGreaterThan(width);
    expect(left).toBeGreaterThan(30);
    expect(left + width).toBeLessThan(620);
  });

  it("takes a grid, and leaves holes where it is NaN", async () => {
    const axis = Float64Array.of(0, 1, 3, 4);
    const z = [0, 1, 2, 3].map((j) => [0, 1, 2, 3].map((i) => (i === 3 && j === 3 ? NaN : i + j)));
    for (const filled of [false, true]) {
      const svg = await figure()
        .contour(z, { x: axis, y: axis, levels: [2.5], filled })
        .toSVG();
      expect(labelledPath(svg, "level 2.5")).toHaveLength(1);
      expect(svg).not.toMatch(/NaN|undefined/);
    }
  });
});

describe("save", () => {
  it("writes SVG and PNG, and returns the path", async () => {
    const fig = figure({ title: "Square", width: 300, height: 200 }).plot([0, 1, 2], [0, 1, 4]);
    const svg = await fig.save(join(folder, "a.svg"));
    expect(svg).toBe(join(folder, "a.svg"));
    expect(readFileSync(svg, "utf8")).toBe(await fig.toSVG());
    const png = readFileSync(await fig.save(join(folder, "A.PNG")));
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    // Twice the figure, for screens of high density.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([600, 400]);
    // Neither the title nor the curve is missing.
    const image = `<image width="600" height="400" href="data:image/png;base64,${png.toString("base64")}"/>`;
    const { at } = pixelsOf(
      `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">${image}</svg>`,
    );
    const pixels = (from: number, to: number) =>
      Array.from({ length: 600 * (to - from) }, (_, i) => at(i % 600, from + Math.floor(i / 600)));
    expect(pixels(0, 60).filter(([red]) => red! < 60).length).toBeGreaterThan(200);
    expect(pixels(80, 340).filter(([red, , blue]) => red! < 30 && blue! > 150).length).toBeGreaterThan(500);
  });

  it("names the packages that are missing", async () => {
    for (const name of ["vega", "@resvg/resvg-js"]) {
      vi.resetModules();
      vi.doMock(name, () => {
        throw new Error("Cannot find package");
      });
      const { figure } = await import("../../lib/plot/index.js");
      await expect(figure().save(join(folder, "a.png"))).rejects.toThrow(
        `plots need the package ${name}: npm install vega @resvg/resvg-js`,
      );
      vi.doUnmock(name);
    }
    vi.resetModules();
  });

  it("refuses a PNG whose text could not be seen", async () => {
    vi.doMock("@resvg/resvg-js", () => ({ Resvg: class { getBBox() {} } })); // prettier-ignore
    const { figure } = await import("../../lib/plot/index.js");
    await expect(figure().save(join(folder, "a.png"))).rejects.toMatchObject({ code: "ERR_NO_FONTS" });
    vi.doUnmock("@resvg/resvg-js");
    vi.resetModules();
  });
});

/** What an animated page is told to show. */
async function sceneOf(animation: { toHTML(): Promise<string> }) {
  const html = await animation.toHTML();
  const json = /id="data">(.*?)<\/script>/s.exec(html)![1]!;
  const scene = JSON.parse(json) as {
    steps: number;
    interval: number;
    trails: { name: string; points: ([number, number] | null)[]; texts: string[] }[];
  };
  return { html, ...scene };
}

describe("animatePath", () => {
  it("keeps the ranges asked for where the path stays inside", async () => {
    const { html, trails, steps } = await sceneOf(animatePath(saddle, [[1, 1], [0, 0.5]], { xRange: [-2, 2], yRange: [-1, 3] })); // prettier-ignore
    expect([ticks(html, "X")[0], ticks(html, "X").at(-1)]).toEqual([-2, 2]);
    expect([ticks(html, "Y")[0], ticks(html, "Y").at(-1)]).toEqual([-1, 3]);
    const { width, height } = plotArea(html);
    expect(trails[0]!.points[1]![0]).toBeCloseTo(width / 2, 0);
    expect(trails[0]!.points[1]![1]).toBeCloseTo((2.5 / 4) * height, 0);
    expect(steps).toBe(2);
  });

  it("widens the axes to show every point", async () => {
    const far = [[0, 0], [9, -40], [1e6, 3]] as const; // prettier-ignore
    for (const kind of ["curve", "contour"] as const) {
      const f = kind === "curve" ? (x: number) => x : saddle;
      const { html, trails } = await sceneOf(animatePath(f, far, { xRange: [-1, 1], yRange: [-1, 1] }));
      const { width, height } = plotArea(html);
      for (const point of trails[0]!.points) {
        expect(point![0]).toBeGreaterThan(0);
        expect(point![0]).toBeLessThan(width);
        expect(point![1]).toBeGreaterThan(0);
        expect(point![1]).toBeLessThan(height);
      }
      expect(html).not.toMatch(/NaN|Infinity/);
    }
  });

  it("takes numbers along a curve, pairs, tensors and several named paths", async () => {
    const square = (x: number) => x * x;
    expect((await sceneOf(animatePath(square, [2, -1]))).trails[0]!.texts).toEqual([
      "x = 2.0000\u00a0\u00a0 f = 4.0000",
      "x = −1.0000\u00a0\u00a0 f = 1.0000",
    ]);
    const tensor = { toArray: () => [[1, 2], [0, 1]] }; // prettier-ignore
    const paths = { Adam: tensor, SGD: [[1, 2], [1, 1], [1, 0]] as const }; // prettier-ignore
    for (const animation of [animatePath(saddle, paths), animatePath(saddle, undefined, { paths })]) {
      const { trails, steps, html } = await sceneOf(animation);
      expect(trails.map(({ name }) => name)).toEqual(["Adam", "SGD"]);
      expect(trails[1]!.texts[2]).toContain("f = 1.0000");
      expect(steps).toBe(3);
      expect(html).toContain("<b>Adam</b>");
    }
  });

  it("skips points that have no place, and says so", async () => {
    const { trails, html } = await sceneOf(animatePath((x) => x, [1, NaN, Infinity, 2]));
    expect(trails[0]!.points.map((point) => point === null)).toEqual([false, true, true, false]);
    expect(trails[0]!.texts[1]).toBe("x = NaN\u00a0\u00a0 f = NaN: not finite, not shown");
    expect(ticks(html, "X").at(-1)).toBeLessThan(3);
    const none = await sceneOf(animatePath((x) => x, []));
    expect(none.steps).toBe(1);
    expect(await animatePath(saddle, [[NaN, 1]]).toSVG()).toContain("not shown");
  });

  it("forbids the page every request, and any script but its own", async () => {
    const nasty = `</script><script>alert(1)</script>`;
    const animation = animatePath(saddle, { [nasty]: [[0, 0]] }, { title: nasty, xlabel: nasty });
    const html = await animation.toHTML();
    expect(html).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-`,
    );
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toMatch(/(?:src|href)="(?!#)/);
    const svg = await animation.toSVG();
    expect(svg).not.toContain("<script");
    expect(svg).toContain("prefers-reduced-motion");
    expect(pixelsOf(svg)).toMatchObject({ width: 640, height: 440 });
  });

  it("says what is wrong", async () => {
    const wrong = (value: unknown) => value as never;
    expect(() => animatePath(wrong(3), [1])).toThrow("f must be a function");
    expect(() => animatePath((...x: number[]) => x.length, [1])).toThrow("f declares 0 parameters");
    expect(() => animatePath(saddle, [1, 2])).toThrow("points[0] must be an array of numbers");
    expect(() => animatePath(saddle, wrong([[1, 2, 3]]))).toThrow(
      "points[0] must be a pair [x, y], but has 3",
    );
    expect(() => animatePath(saddle, [[1, 2]], wrong({ intervall: 3 }))).toThrow(/did you mean 'interval'/);
    expect(() => animatePath(saddle, [[1, 2]], { interval: -1 })).toThrow("interval must be a number from 1");
    expect(() => animatePath(saddle, [[1, 2]], { paths: {} })).toThrow("not both");
    expect(() => animatePath(() => wrong("a"), [1], { kind: "curve" })).toThrow("f(1) must return a number");
    const gif = animatePath((x) => x, [1]).save(join(folder, "a.gif"));
    await expect(gif).rejects.toThrow("must end in .html or .svg, not .gif");
  });
});

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const hasBrowser = existsSync(executablePath);
if (!hasBrowser) console.warn(`skipped: the animation in a browser, for there is no ${executablePath}`);

describe.skipIf(!hasBrowser)("in a browser", () => {
  let browser: Browser;
  const file = join(folder, "path.html");
  const points = [2.5, 2, 1.6, NaN, 1.28, 1];

  beforeAll(async () => {
    await animatePath((x) => x * x, points, { xRange: [-3, 3], interval: 60, title: "x²" }).save(file);
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  async function open(reducedMotion: "reduce" | "no-preference") {
    const page = await (await browser.newContext({ reducedMotion })).newPage();
    const requests: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(pathToFileURL(file).href);
    return { page, requests, problems };
  }

  const step = (page: Page) => page.locator("#count").textContent();
  const button = (page: Page) => page.locator("#play").textContent();
  const seen = async (page: Page) =>
    (await page.locator(".trail0").first().getAttribute("points"))!.split(" ").length;

  it("plays to the end and stops, without a request", async () => {
    const { page, requests, problems } = await open("no-preference");
    await page.getByText("step 5 of 5").waitFor();
    await page.getByText("Play").waitFor();
    expect(await seen(page)).toBe(5);
    expect(await page.locator("#text0").textContent()).toBe("x = 1.0000\u00a0\u00a0 f = 1.0000");
    // Once more, from the start.
    await page.locator("#play").click();
    expect(await button(page)).toBe("Pause");
    await page.getByText("Play").waitFor();
    expect(await step(page)).toBe("step 5 of 5");
    expect(requests).toEqual([pathToFileURL(file).href]);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("follows the slider and the keyboard, and waits where motion is unwanted", async () => {
    const { page } = await open("reduce");
    expect([await step(page), await button(page)]).toEqual(["step 0 of 5", "Play"]);
    await page.locator("#slider").fill("3");
    expect(await step(page)).toBe("step 3 of 5");
    expect(await page.locator("#text0").textContent()).toContain("not finite, not shown");
    expect(await seen(page)).toBe(3);
    await page.locator("#slider").press("ArrowRight");
    expect(await step(page)).toBe("step 4 of 5");
    await page.locator("#slider").blur();
    await page.keyboard.press("ArrowLeft");
    expect(await step(page)).toBe("step 3 of 5");
    const circle = await page.locator("#now0").boundingBox();
    const frame = await page.locator("main > svg").boundingBox();
    expect(circle!.x).toBeGreaterThan(frame!.x);
    await page.context().close();
  });

  it("runs by itself as an SVG image", async () => {
    const svg = await animatePath(saddle, [[-1, -1], [1, 1]], { interval: 3000 }).toSVG(); // prettier-ignore
    const page = await browser.newPage({ viewport: { width: 640, height: 440 } });
    await page.setContent(`<img src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}">`);
    const first = await page.screenshot();
    await page.waitForTimeout(3300);
    expect((await page.screenshot()).equals(first)).toBe(false);
    await page.close();
  });
});
