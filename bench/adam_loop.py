"""The notebook's Adam loop in PyTorch: prints microseconds a step, one line a repetition."""
import sys
import time

import torch

steps, repetitions = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
for _ in range(repetitions):
    x = torch.tensor([8.0], requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.01)
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        f = x**2 / 20 + x.sin().tanh()
        f.backward()
        optimizer.step()
        x.item(), f.item()
    print((time.perf_counter() - start) / steps * 1e6, x.item())
