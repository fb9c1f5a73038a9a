// Files: what is saved is what is loaded, to the bit; what strangers wrote is refused or read, and nothing else.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type DType, optim, rand, tensor, type Tensor, zeros } from "../../lib/index.js";
import { decodeTensors, encodeTensors, load, loadTensors, save, saveTensors } from "../../lib/io/index.js";

const folder = mkdtempSync(join(tmpdir(), "adjoint-io-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const at = (name: string) => join(folder, name);
const loose = (value: unknown) => value as never;

/** A file of this header and these elements. */
function fileOf(header: unknown, elements: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, elements]);
}
const formatError = (message: string): unknown =>
  expect.objectContaining({ code: "ERR_FORMAT", message: expect.stringMatching(message) as string });

describe("safetensors", () => {
  const samples: Record<DType, number[] | bigint[] | boolean[]> = {
    float64: [1.5, -0, Infinity, NaN, 5e-324, Number.MAX_VALUE],
    float32: [1.5, -0, -Infinity, NaN, 2 ** -149, 3.4028234663852886e38],
    float16: [1.5, -0, Infinity, NaN, 2 ** -24, 2 ** -14, 2 ** -14 - 2 ** -24, 65504, -0.333251953125],
    bfloat16: [1.5, -0, -Infinity, NaN, 2 ** -133, 3.3895313892515355e38],
    int64: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
    int32: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
    uint8: [0, 1, 255],
    bool: [true, false],
  };

  test.each(Object.entries(samples))("%s goes out and comes in", (dtype, data) => {
    const x = tensor(data, { dtype: dtype as DType });
    const path = at(dtype);
    saveTensors(path, { x, empty: zeros([0, 3], { dtype: dtype as DType }), scalar: x.at(0) });
    const { tensors } = loadTensors(pathToFileURL(path));
    expect(Object.keys(tensors)).toEqual(["x", "empty", "scalar"]);
    expect(tensors["x"]!.dtype).toBe(dtype);
    expect(tensors["x"]!.toArray()).toEqual(data);
    expect([tensors["empty"]!.shape, tensors["scalar"]!.shape]).toEqual([[0, 3], []]);
    expect(tensors["scalar"]!.toArray()).toEqual(data[0]);
  });

  test("every float16 and bfloat16 keeps its bits", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (const dtype of ["F16", "BF16"]) {
      const header = { x: { dtype, shape: [65536], data_offsets: [0, 131072] } };
      const { tensors } = decodeTensors(fileOf(header, new Uint8Array(bits.buffer)));
      const again = encodeTensors(tensors);
      const elements = new Uint16Array(new Uint8Array(again.subarray(again.length - 131072)).buffer);
      const values = tensors["x"]!.toArray() as number[];
      elements.forEach((word, i) => {
        // A NaN has many spellings, of which one is kept.
        if (!Number.isNaN(values[i])) expect(word).toBe(i);
      });
    }
  });

  test("random tensors, names and metadata", () => {
    const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    const name = fc.string({ minLength: 1 }).filter((one) => one !== "__metadata__" && one !== "__proto__");
    fc.assert(
      fc.property(fc.dictionary(name, shape), fc.dictionary(name, fc.string()), (shapes, metadata) => {
        const given = Object.fromEntries(Object.entries(shapes).map(([key, dims]) => [key, rand(dims)]));
        const bytes = encodeTensors(given, { metadata: { ...metadata } });
        const { tensors, metadata: texts } = decodeTensors(bytes);
        expect(texts).toEqual({ ...metadata });
        expect(Object.keys(tensors).sort()).toEqual(Object.keys(given).sort());
        for (const [key, x] of Object.entries(given)) expect(tensors[key]!.toArray()).toEqual(x.toArray());
      }),
    );
  });

  test("a file of the Python library's", () => {
    // safetensors.torch.save({"b": torch.tensor([[1., 2.]]), "a": torch.tensor([3])}, {"who": "me"}), byte for byte.
    const header =
      '{"__metadata__":{"who":"me"},"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
      '"b":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}   ';
    const elements = Buffer.from("03000000000000000000803f00000040", "hex");
    const { tensors, metadata } = decodeTensors(fileOf(header, elements));
    expect(metadata).toEqual({ who: "me" });
    expect(tensors["a"]!.toArray()).toEqual([3n]);
    expect(tensors["b"]!.toArray()).toEqual([[1, 2]]);
  });

  test("elements begin at a multiple of eight bytes, and a checksum stands in the header", () => {
    const bytes = encodeTensors({ x: tensor([1, 2, 3]) });
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as {
      __metadata__: Record<string, string>;
    };
    expect(header.__metadata__["adjoint.sha256"]).toBe(
      createHash("sha256")
        .update(bytes.subarray(8 + length))
        .digest("hex"),
    );
  });

  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  const four = new Uint8Array(4);
  test.each<[string, Buffer, string]>([
    ["nothing", Buffer.alloc(0), "the file has 0 bytes"],
    ["a length alone", fileOf("").subarray(0, 7), "the file has 7 bytes"],
    [
      "a header of 2**63",
      Buffer.from("00000000000000807b7d", "hex"),
      "the header would take 9223372036854775808 bytes",
    ],
    [
      "a header longer than the file",
      Buffer.from("10000000000000007b7d", "hex"),
      "the header would end at byte 24 of 10",
    ],
    ["an array", fileOf("[]"), "does not begin with {"],
    ["a blank first", fileOf(" {}"), "does not begin with {"],
    ["no JSON", fileOf("{a}"), "the header is not JSON"],
    ["bytes that are no text", fileOf("{}").fill(0xff, 9), "the header is not UTF-8"],
    ["a name twice", fileOf('{"a":1,"\\u0061":2}'), "the header has 'a' twice"],
    ["a name twice inside", fileOf('{"a":{"dtype":"F32","dtype":"F64"}}'), "the header has 'dtype' twice"],
    ["a number for a tensor", fileOf({ a: 1 }), "'a' is not an object"],
    [
      "an unknown dtype",
      fileOf({ a: { ...one, dtype: "F8_E4M3" } }, four),
      "'a' has dtype \"F8_E4M3\"; readable are F64",
    ],
    ["no dtype", fileOf({ a: { shape: [1], data_offsets: [0, 4] } }, four), "'a' has dtype undefined"],
    [
      "a negative dimension",
      fileOf({ a: { ...one, shape: [-1] } }, four),
      "the shape of 'a' is not an array of whole",
    ],
    [
      "a fraction",
      fileOf({ a: { ...one, shape: [0.5] } }, four),
      "the shape of 'a' is not an array of whole",
    ],
    [
      "a huge shape",
      fileOf({ a: { ...one, shape: [2 ** 40, 2 ** 40] } }, four),
      "does not take the bytes from 0 to 4",
    ],
    [
      "33 dimensions",
      fileOf({ a: { ...one, shape: Array(33).fill(1) } }, four),
      "33 dimensions, more than 32",
    ],
    ["one offset", fileOf({ a: { ...one, data_offsets: [4] } }, four), "the data_offsets of 'a' are not two"],
    [
      "offsets that turn back",
      fileOf({ a: { ...one, data_offsets: [4, 0] } }, four),
      "does not take the bytes from 4 to 0",
    ],
    [
      "offsets of text",
      fileOf({ a: { ...one, data_offsets: ["0", "4"] } }, four),
      "the data_offsets of 'a' are not two",
    ],
    ["what means nothing", fileOf({ a: { ...one, code: "x" } }, four), "'a' has 'code', which means nothing"],
    [
      "a gap",
      fileOf({ a: { ...one, data_offsets: [4, 8] } }, new Uint8Array(8)),
      "'a' begins at byte 4 of the elements",
    ],
    [
      "an overlap",
      fileOf({ a: one, b: one }, four),
      "'b' begins at byte 0 of the elements, where 4 was next",
    ],
    ["too few elements", fileOf({ a: one }), "the elements take 4 bytes, and the file has 0"],
    ["too many", fileOf({ a: one }, new Uint8Array(5)), "the elements take 4 bytes, and the file has 5"],
    ["metadata that are none", fileOf({ __metadata__: 1 }), "__metadata__ is not an object"],
    ["metadata of numbers", fileOf({ __metadata__: { a: 1 } }), "'a' in __metadata__ is not a string"],
    [
      "a wrong checksum",
      fileOf({ __metadata__: { "adjoint.sha256": "00" }, a: one }, four),
      "do not have the checksum",
    ],
  ])("%s is refused", (_name, bytes, message) => {
    expect(() => decodeTensors(bytes)).toThrow(formatError(message));
  });

  test("a file with one bit changed is refused, and so is a part of one", () => {
    const bytes = encodeTensors({ a: rand([3]), b: tensor([1, 2]) }, { metadata: { note: "text" } });
    const begin = 8 + Number(bytes.readBigUInt64LE());
    for (let at = begin; at < bytes.length; ++at) {
      const wrong = Buffer.from(bytes);
      wrong[at]! ^= 1;
      expect(() => decodeTensors(wrong)).toThrow(formatError("do not have the checksum"));
    }
    for (let length = 0; length < bytes.length; ++length)
      expect(() => decodeTensors(bytes.subarray(0, length))).toThrow(formatError("safetensors"));
  });

  test("random bytes end in an error", () => {
    const bytes = encodeTensors({ a: rand([3]), b: tensor([1, 2]) });
    const anywhere = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(anywhere, { minLength: 1, maxLength: 5 }), (changes) => {
        const wrong = Buffer.from(bytes);
        for (const [place, value] of changes) wrong[place] = value;
        try {
          decodeTensors(wrong);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_FORMAT" });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("what cannot be saved is refused before anything is written", () => {
    const path = at("refused");
    const refusals: [unknown, unknown, string][] = [
      [{ a: 1 }, undefined, "saveTensors: expected 'a' to be a Tensor, got 1"],
      [[rand([1])], undefined, "saveTensors: expected tensors by name"],
      [{ __metadata__: rand([1]) }, undefined, "names of tensors other than '__metadata__'"],
      [{}, { metadata: { a: 1 } }, "expected metadata 'a' to be a string, got 1"],
      [{}, { metadata: 3 }, "expected metadata by name, got 3"],
      [{}, { meta: {} }, "saveTensors: unknown option 'meta', known are 'metadata'"],
    ];
    for (const [tensors, options, message] of refusals)
      expect(() => {
        saveTensors(path, loose(tensors), loose(options));
      }).toThrow(message);
    expect(readdirSync(folder)).not.toContain("refused");
    expect(() => {
      saveTensors(loose(3), {});
    }).toThrow("saveTensors: expected a path, got 3");
    expect(() => decodeTensors(loose("text"))).toThrow("decodeTensors: expected a Buffer or Uint8Array");
  });

  test("larger files than allowed, and files that are not there", () => {
    const path = at("large");
    saveTensors(path, { x: zeros([1000]) });
    expect(() => loadTensors(path, { maxBytes: 1000 })).toThrow(
      formatError("more than the 1000 that are allowed"),
    );
    expect(() => loadTensors(at("missing"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(() => {
      saveTensors(at("no/such/folder"), {});
    }).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});

describe("save and load", () => {
  test("plain data with tensors come back as they were", () => {
    const data = {
      numbers: [1, -0, NaN, Infinity, -Infinity, 0.1, 2 ** 60],
      big: -(2n ** 70n),
      texts: ["", "\u0000\ud83d\ude00", "$tensor"],
      nothing: null,
      flags: [true, false],
      odd: { $tensor: 1, $number: "x" },
      nested: { deep: [{ x: tensor([[1, 2]]) }, tensor(3n)] },
      "with.dots": { a: tensor(true) },
    };
    save(data, at("data"));
    const loaded = load(at("data")) as typeof data;
    expect(loaded.nested.deep[0]).toMatchObject({});
    const [inner, last] = loaded.nested.deep as [{ x: Tensor }, Tensor];
    expect([inner.x.toArray(), last.toArray(), loaded["with.dots"].a.item()]).toEqual([[[1, 2]], 3n, true]);
    const withoutTensors = (of: typeof data) => ({ ...of, nested: null, "with.dots": null });
    expect(withoutTensors(loaded)).toEqual(withoutTensors(data));
    expect(Object.keys(loadTensors(at("data")).tensors)).toEqual([
      "nested.deep.0.x",
      "nested.deep.1",
      "with.dots.a",
    ]);
  });

  test.each([tensor([1]), 3, "text", null, [], {}])("%s alone", (value) => {
    save(value, at("alone"));
    const loaded = load(at("alone"));
    if (value instanceof Object && "toArray" in value) expect((loaded as Tensor).toArray()).toEqual([1]);
    else expect(loaded).toEqual(value);
  });

  test("what is left out, and what is refused with its place", () => {
    save({ a: undefined, b: 1 }, at("left-out"));
    expect(load(at("left-out"))).toEqual({ b: 1 });
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const refusals: [unknown, string][] = [
      [{ f: () => 1 }, "save: expected plain data and tensors, got a function at 'f'"],
      [{ list: [1, new Map()] }, "got a Map at 'list.1'"],
      [circle, "at 'self'"],
      [undefined, "got undefined"],
      [[undefined], "got undefined at '0'"],
    ];
    for (const [value, message] of refusals)
      expect(() => {
        save(value, at("never"));
      }).toThrow(message);
    expect(readdirSync(folder)).not.toContain("never");
  });

  test("two tensors of one name", () => {
    const data = { "a.b": tensor([1]), a: { b: tensor([2]) }, ["__proto__"]: tensor([3]) };
    save(data, at("names"));
    const loaded = load(at("names")) as typeof data;
    expect([loaded["a.b"].toArray(), loaded.a.b.toArray()]).toEqual([[1], [2]]);
    expect(Object.getOwnPropertyDescriptor(loaded, "__proto__")?.value).toHaveProperty("shape", [1]);
  });

  test("data that were tampered with", () => {
    const dataOf = (text: string) => {
      saveTensors(at("tampered"), { x: tensor([1]) }, { metadata: { "adjoint.data": text } });
      return () => load(at("tampered"));
    };
    expect(dataOf('{"$tensor":"y"}')).toThrow(formatError("name a tensor 'y', which is not there"));
    expect(dataOf('{"$tensor":"__proto__"}')).toThrow(formatError("name a tensor '__proto__'"));
    expect(dataOf('{"$number":"1e999"}')).toThrow(formatError("hold '\\$number', which means nothing"));
    expect(dataOf('{"$bigint":"1;2"}')).toThrow(formatError("hold '\\$bigint'"));
    expect(dataOf('{"$object":[[1,2]]}')).toThrow(formatError("hold '\\$object'"));
    expect(dataOf('{"$eval":"1"}')).toThrow(formatError("hold '\\$eval'"));
    expect(dataOf("{")).toThrow(formatError("the saved data is not JSON"));
    const polluted = dataOf('{"__proto__":{"polluted":1}}')() as object;
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(Object.keys(polluted)).toEqual(["__proto__"]);
  });

  test("training goes on in another run with the same bits", () => {
    const begin = () => {
      const x = tensor([1.5, -0.7], { requiresGrad: true });
      return { x, optimizer: new optim.Adam([x], { lr: 0.1, amsgrad: true }) };
    };
    const step = ({ x, optimizer }: ReturnType<typeof begin>) => {
      optimizer.zeroGrad();
      x.pow(4).sub(x.cos()).sum().backward();
      optimizer.step();
    };
    const whole = begin();
    for (let i = 0; i < 5; ++i) step(whole);
    save({ x: whole.x.detach(), optimizer: whole.optimizer.stateDict() }, at("training"));
    for (let i = 0; i < 5; ++i) step(whole);
    const saved = load(at("training")) as { x: Tensor; optimizer: optim.StateDict };
    const x = saved.x.requiresGrad_();
    const rest = { x, optimizer: new optim.Adam([x], { lr: 3 }) };
    rest.optimizer.loadStateDict(saved.optimizer);
    for (let i = 0; i < 5; ++i) step(rest);
    expect(rest.x.toArray()).toEqual(whole.x.toArray());
  });
});

test("a process that is killed while it saves leaves a whole file, and no number is lost", async () => {
  const path = at("killed");
  save({ count: 0, tensors: [] }, path);
  const kills = process.env["ADJOINT_LONG"] === "1" ? 200 : 20;
  let before = 0;
  for (let kill = 0; kill < kills; ++kill) {
    const saving = spawn(process.execPath, ["--no-warnings", "tests/programs/saving.mjs", path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => saving.stdout.once("data", resolve));
    await new Promise((resolve) => setTimeout(resolve, (kill * 7) % 31));
    saving.kill("SIGKILL");
    await new Promise((resolve) => saving.once("exit", resolve));
    const { count, tensors } = load(path) as { count: number; tensors: Tensor[] };
    expect(count).toBeGreaterThanOrEqual(before);
    for (const x of tensors) expect(x.eq(count).all().item()).toBe(true);
    before = count;
  }
  expect(before).toBeGreaterThan(0);
  // What a killed process leaves behind is not mistaken for anything.
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".tmp"))) rmSync(at(name));
  writeFileSync(path, readFileSync(path).subarray(0, 100));
  expect(() => load(path)).toThrow(expect.objectContaining({ code: "ERR_FORMAT" }));
}, 120_000);
