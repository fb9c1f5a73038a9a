"""Writes factors.json: samples of windows and triangular factors from PyTorch's own operator tests.

python factors.py opinfo.json.gz, where the file holds what torch.testing's OpInfo database gives as sample inputs, with
PyTorch's outputs, and gradients of the sum of out * cos(1 + 0.7 i) over the flat index i.
"""
import gzip
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
OPS = ["nn.functional.unfold", "linalg.cholesky", "linalg.solve_triangular"]


def plain(value):
    """A tensor becomes its shape and its elements."""
    if isinstance(value, dict) and "tensor" in value:
        return {"shape": value["shape"], "data": value["tensor"]}
    return value


samples = json.load(gzip.open(sys.argv[1]))
cases = []
for op in OPS:
    for case in samples["ops"][op]["cases"]:
        cases.append({
            "op": op,
            "input": plain(case["input"]),
            "args": [plain(value) for value in case["args"]],
            "kwargs": case["kwargs"],
            "out": plain(case["outs"][0]),
            "grads": case["grads"],
        })
path = HERE / "factors.json"
path.write_text(json.dumps({"torch": samples["torch"], "cases": cases}, separators=(",", ":")))
print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KiB")
