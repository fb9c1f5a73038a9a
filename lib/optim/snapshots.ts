import { handleOf, haveHandles, type Tensor } from "../tensor.js";
import { copyOf } from "./checks.js";
import { paramsError } from "./params.js";

// Parameter groups are there to be edited, and nothing tells an optimizer when they are. So every step compares them
// with what they were at the last one, which is much cheaper than to check them and to collect handles again.

interface Group {
  readonly params: readonly Tensor[];
}

/** The options of groups as they were, arrays among them copied. */
export class OptionsSnapshot {
  readonly #groups: readonly { readonly names: readonly string[]; readonly values: readonly unknown[] }[];

  constructor(groups: readonly Group[]) {
    this.#groups = groups.map((group) => ({
      names: Object.keys(group),
      values: Object.entries<unknown>({ ...group }).map(([name, value]) =>
        name === "params" ? value : copyOf(value),
      ),
    }));
  }

  /** Whether these groups have the same options. */
  isOf(groups: readonly Group[]): boolean {
    if (groups.length !== this.#groups.length) return false;
    for (let i = 0; i < groups.length; ++i) if (!this.#isAt(i, groups[i]!)) return false;
    return true;
  }

  #isAt(index: number, group: Group): boolean {
    const { names, values } = this.#groups[index]!;
    let count = 0;
    for (const name in group) {
      if (names[count] !== name) {
        if (!Object.hasOwn(group, name)) continue;
        return false;
      }
      const value = (group as unknown as Record<string, unknown>)[name];
      const before = values[count++];
      if (value === before) continue;
      if (!Array.isArray(value) || !Array.isArray(before) || value.length !== before.length) return false;
      for (let i = 0; i < value.length; ++i) if (value[i] !== before[i]) return false;
    }
    return count === names.length;
  }
}

/** The handles of all parameters, group after group. */
export class ParamHandles {
  readonly list: Uint32Array;
  readonly #groups: readonly { readonly group: Group; readonly length: number }[];

  constructor(groups: readonly Group[], who: string) {
    this.#groups = groups.map((group) => ({ group, length: group.params.length }));
    this.list = Uint32Array.from(groups.flatMap(({ params }) => params.map((param) => handleOf(param, who))));
    // A list that was edited: one update of two would be lost.
    if (new Set(this.list).size !== this.list.length)
      throw paramsError(`some parameters appear more than once (${who}: see paramGroups)`);
  }

  /** Whether these are still the same groups with the same parameters, none of them disposed of. */
  areOf(groups: readonly Group[]): boolean {
    if (groups.length !== this.#groups.length) return false;
    let first = 0;
    for (let i = 0; i < groups.length; ++i) {
      const group = groups[i]!;
      const known = this.#groups[i]!;
      if (group !== known.group || group.params.length !== known.length) return false;
      if (!haveHandles(group.params, this.list, first)) return false;
      first += known.length;
    }
    return true;
  }
}
