"""Steps of PyTorch's optimizers whose updates depend on shapes: python optimizers-shapes.py > optimizers-shapes.json"""
import json
import torch

STEPS = 6


def start(shape):
    count = int(torch.tensor(shape).prod()) if shape else 1
    return torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + 0.3).reshape(shape)


def loss(x):
    return (x ** 4 / 4 - torch.cos(2 * x) + x.sum(-1, keepdim=True) ** 2 / 8).sum()


def dense(name, options, shape):
    x = start(shape).requires_grad_()
    optimizer = getattr(torch.optim, name)([x], **options)
    steps = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        steps.append(x.tolist())
    return {"optimizer": name, "options": options, "shape": shape, "steps": steps}


def looked_up(options):
    """Rows of an embedding, some of which are looked up in a step."""
    table = torch.nn.Embedding(6, 3, sparse=True, dtype=torch.float64)
    with torch.no_grad():
        table.weight.copy_(start([6, 3]))
    optimizer = torch.optim.SparseAdam(table.parameters(), **options)
    rows = [[0, 2], [2, 5], [1], [0, 0, 4], [5], [2, 3]]
    steps = []
    for step in rows:
        optimizer.zero_grad()
        (table(torch.tensor(step)) ** 3).sum().backward()
        optimizer.step()
        steps.append(table.weight.tolist())
    return {"options": options, "rows": rows, "steps": steps}


if __name__ == "__main__":
    shapes = [[], [5], [3, 4], [4, 3], [2, 3, 4], [1, 4], [4, 1]]
    adafactor = [{"lr": 0.05}, {"lr": 0.1, "eps": [1e-3, 1e-2], "d": 1.5, "weight_decay": 0.1, "maximize": True}]
    muon = [{"lr": 0.05}, {"lr": 0.02, "ns_steps": 3, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}]
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "dense": [dense("Adafactor", options, shape) for options in adafactor for shape in shapes]
                + [dense("Muon", options, shape) for options in muon for shape in shapes if len(shape) == 2],
                "sparse": [looked_up({"lr": 0.1}), looked_up({"lr": 0.05, "betas": [0.8, 0.9], "eps": 1e-4, "maximize": True})],
            }
        )
    )
