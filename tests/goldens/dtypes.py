"""What PyTorch makes of each dtype: python tests/goldens/dtypes.py, with torch 2.13. It rewrites dtypes.json, a list of calls for
each pattern: the dtypes of the results (b u i l f d) for bool, uint8, int32, int64, float32 and float64, - where it refuses."""
import json
import re
import warnings
from collections import defaultdict
from pathlib import Path

import torch

warnings.filterwarnings("ignore")
path = Path(__file__).with_name("dtypes.json")
letters = dict(zip((torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64), "builfd"))
arguments = {
    "x": lambda dtype: torch.ones(3, 3, dtype=dtype),
    "v": lambda dtype: torch.ones(3, dtype=dtype),
    "2": lambda dtype: 2,
    "0": lambda dtype: 0,
}


def of(result):
    if isinstance(result, torch.Tensor):
        return letters[result.dtype]
    return "".join(map(of, result)) if isinstance(result, (tuple, list)) else ""


def one(name, kinds, dtype):
    given = [arguments[kind](dtype) for kind in kinds]
    name = re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)
    try:
        if name.startswith("x.") or ("." not in name and not hasattr(torch, name)):
            return of(getattr(given[0], name.removeprefix("x."))(*given[1:]))
        space = torch
        for part in name.split("."):
            space = getattr(space, part)
        return of(space(*given))
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return "-"


found = defaultdict(list)
for calls in json.loads(path.read_text()).values():
    for call in calls.split():
        name, kinds = re.fullmatch(r"(.*)\((.*)\)", call).groups()
        found[" ".join(one(name, kinds, dtype) for dtype in letters)].append(call)
path.write_text(json.dumps({key: " ".join(sorted(found[key])) for key in sorted(found)}, indent=1) + "\n")
