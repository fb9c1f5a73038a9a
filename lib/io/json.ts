import { formatError } from "./format.js";

/** Reads JSON that a stranger wrote: no name twice in one object, of which JSON.parse would keep the last. */
export function parseStrictly(what: string, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw formatError(`${what} is not JSON: ${(cause as Error).message}`);
  }
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gy;
  // The names of the objects around, null for arrays.
  const around: (Set<string> | null)[] = [];
  let last: string | undefined;
  token.lastIndex = 0;
  for (let at = skipBlanks(text, 0); at < text.length; at = skipBlanks(text, token.lastIndex)) {
    token.lastIndex = at;
    const word = token.exec(text)![0];
    if (word === "{") around.push(new Set());
    else if (word === "[") around.push(null);
    else if (word === "}" || word === "]") around.pop();
    else if (word === ":") {
      const name = JSON.parse(last!) as string;
      const names = around.at(-1)!;
      if (names.has(name)) throw formatError(`${what} has '${name.slice(0, 60)}' twice`);
      names.add(name);
    }
    last = word;
  }
  return value;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\n\r".includes(text[at]!)) ++at;
  return at;
}
