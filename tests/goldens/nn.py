"""Writes nn.json.gz: what torch.nn.functional gives for options that the samples of OpInfo leave out.

python nn.py, with torch. A case has the function's name, its arguments by position and by name, its results, the gradients of
the sum of result * cos(1 + 0.7 i) over the flat index i, for each argument that requires one, and the arguments named in
`inplace` as they are afterwards. What is not finite is a string.
"""
import gzip
import itertools
import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(0)
HERE = pathlib.Path(__file__).parent
D = torch.float64
cases = []


def plain(v):
    if isinstance(v, torch.Tensor):
        elements = [x if math.isfinite(x) else str(x) for x in v.detach().reshape(-1).tolist()]
        dtype = str(v.dtype).split(".")[1]
        return {"tensor": elements, "shape": list(v.shape), "dtype": dtype, "rg": v.requires_grad}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return str(v) if isinstance(v, float) and not math.isfinite(v) else v


def case(name, *args, inplace=(), f=None, **kwargs):
    given = [plain(a) for a in args]
    named = {key: plain(a) for key, a in kwargs.items()}
    out = (f or getattr(F, name))(*args, **kwargs)
    outs = [o for o in (out if isinstance(out, tuple) else [out]) if o is not None]
    leaves = [a for a in [*args, *kwargs.values()] if isinstance(a, torch.Tensor) and a.requires_grad]
    tracked = [o for o in outs if o.requires_grad]
    grads = []
    if tracked:
        weights = [torch.cos(1 + 0.7 * torch.arange(o.numel(), dtype=D)).reshape(o.shape) for o in tracked]
        loss = sum((o * w).sum() for o, w in zip(tracked, weights))
        grads = [g if g is None else plain(g)["tensor"] for g in torch.autograd.grad(loss, leaves, allow_unused=True)]
    after = {str(i): plain(args[i] if isinstance(i, int) else kwargs[i]) for i in inplace}
    cases.append({"name": name, "args": given, "kwargs": named, "outs": plain(outs), "grads": grads, "after": after})


def leaf(*shape):
    return torch.randn(*shape, dtype=D, requires_grad=True)


def values(*shape):
    return torch.randn(*shape, dtype=D)


def part(*shape, grad=False):
    return torch.rand(*shape, dtype=D, requires_grad=grad)


def classes(*shape, count=4):
    return torch.randint(0, count, shape)


weight = part(4)
for reduction in ("mean", "sum", "none"):
    red = {"reduction": reduction}
    for smoothing, factors in itertools.product((0.0, 0.3), (None, weight)):
        both = {**red, "label_smoothing": smoothing, "weight": factors}
        case("cross_entropy", leaf(5, 4), torch.tensor([1, -100, 3, 0, 2]), **both)
        case("cross_entropy", leaf(2, 4, 3, 2), classes(2, 3, 2), ignore_index=1, **both)
        case("cross_entropy", leaf(2, 4, 3), part(2, 4, 3, grad=True), **both)
        case("cross_entropy", leaf(4), classes(), **both)
        case("cross_entropy", leaf(4), part(4), **both)
    case("linear_cross_entropy", leaf(5, 3), leaf(4, 3), classes(5), label_smoothing=0.2, weight=weight, **red)
    case("nll_loss", leaf(2, 4, 3), classes(2, 3), weight=weight, ignore_index=1, **red)
    case("binary_cross_entropy_with_logits", leaf(3, 4), part(3, 4, grad=True), pos_weight=weight, weight=part(3, 1), **red)
    case("multi_margin_loss", leaf(5, 4), classes(5), p=2, margin=0.7, weight=weight, **red)
    case("multi_margin_loss", leaf(4), classes(1), **red)
    case("multi_margin_loss", leaf(4), classes(), **red)
    case("multilabel_margin_loss", leaf(3, 4), torch.tensor([[1, 2, -1, 0], [-1, 2, 2, 2], [3, 0, 1, 2]]), **red)
    case("multilabel_margin_loss", leaf(4), torch.tensor([1, 1, -1, 0]), **red)
    case("multilabel_soft_margin_loss", leaf(3, 4), part(3, 4), weight=weight, **red)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        case(name, leaf(3, 4), leaf(3, 4), weight=part(3, 4), **red)
    case("smooth_l1_loss", leaf(3, 4), leaf(3, 4), beta=0.5, **red)
    case("kl_div", leaf(3, 4), part(3, 4, grad=True), **red)
    variance = torch.tensor([[0.1], [1e-3], [2.0]], dtype=D, requires_grad=True)
    case("gaussian_nll_loss", leaf(3, 4), leaf(3, 4), variance, eps=0.01, full=True, **red)
    case("gaussian_nll_loss", leaf(3, 4), leaf(3, 4), 0.3, **red)
    case("cosine_embedding_loss", leaf(3, 4), leaf(3, 4), torch.tensor([1, -1, 1]), **red)
    case("triplet_margin_loss", leaf(3, 4), leaf(3, 4), leaf(3, 4), swap=True, p=3, **red)
    case("triplet_margin_with_distance_loss", leaf(3, 4), leaf(3, 4), leaf(3, 4), swap=True, **red)
    # Behind log_softmax, which takes away what PyTorch's gradient has in addition.
    for logits, targets, inputs, lengths, options in (
        (leaf(7, 3, 4), torch.tensor([[1, 2, 2], [3, 1, 0], [2, 0, 0]]), torch.tensor([7, 5, 3]), torch.tensor([3, 2, 1]), {}),
        (leaf(7, 3, 4), torch.tensor([1, 2, 2, 3, 1]), torch.tensor([7, 5, 3]), torch.tensor([3, 2, 0]), {}),
        (leaf(7, 4), torch.tensor([1, 2, 2]), torch.tensor(7), torch.tensor(3), {}),
        (leaf(4, 2, 4), torch.tensor([[1, 1, 1], [3, 1, 0]]), [4, 4], [3, 2], {"zero_infinity": True}),
        (leaf(6, 2, 4), torch.tensor([[1, 2, 2], [0, 1, 0]]), [6, 4], [3, 2], {"blank": 3}),
    ):
        f = lambda x, *rest, **kwargs: F.ctc_loss(x.log_softmax(-1), *rest, **kwargs)
        case("ctc_loss", logits, targets, inputs, lengths, f=f, **options, **red)

case("embedding", classes(2, 5, count=6), leaf(6, 3), padding_idx=2, scale_grad_by_freq=True)
case("embedding", classes(2, count=6), values(6, 3), max_norm=0.5, norm_type=1.0, inplace=(1,))
for mode in ("sum", "mean", "max"):
    case("embedding_bag", classes(3, 5, count=6), leaf(6, 3), mode=mode, padding_idx=2)
    case("embedding_bag", classes(7, count=6), leaf(6, 3), mode=mode, offsets=torch.tensor([0, 3, 3, 5]))
    ends = torch.tensor([0, 3, 7])
    case("embedding_bag", classes(7, count=6), leaf(6, 3), mode=mode, offsets=ends, include_last_offset=True, padding_idx=1)

for options in ({"training": True}, {"training": True, "momentum": 0.3}, {}):
    case("batch_norm", leaf(4, 3, 2), values(3), part(3), weight=leaf(3), bias=leaf(3), inplace=(1, 2), **options)
    case("batch_norm", leaf(4, 3), values(3), part(3), weight=leaf(3), inplace=(1, 2), **options)
running = ("running_mean", "running_var")
for options in ({}, {"momentum": 0.3}, {"use_input_stats": False}):
    stats = {"running_mean": values(3), "running_var": part(3)}
    case("instance_norm", leaf(4, 3, 5), weight=leaf(3), bias=leaf(3), inplace=running, **stats, **options)
case("layer_norm", leaf(4, 3), [3], bias=leaf(3))
case("rms_norm", leaf(4, 3), [3], weight=leaf(3))
case("group_norm", leaf(4, 6, 3), 3, weight=leaf(6))
case("local_response_norm", leaf(2, 5, 3, 2), 3, alpha=0.1)
case("local_response_norm", leaf(2, 5, 3, 2, 2), 4, alpha=0.1)

for options in ({}, {"is_causal": True, "scale": 0.3}):
    case("scaled_dot_product_attention", leaf(2, 4, 3, 5), leaf(2, 2, 6, 5), leaf(2, 2, 6, 7), enable_gqa=True, **options)
mask = part(3, 6) > 0.4
mask[1] = False
for attn_mask in (mask, leaf(4, 3, 6)):
    case("scaled_dot_product_attention", leaf(2, 4, 3, 5), leaf(2, 4, 6, 5), leaf(2, 4, 6, 5), attn_mask=attn_mask)
E_, L, S, N, H = 6, 4, 5, 2, 3


def heads(has_bias=False, add_zero=False, batched=True, has_in_bias=True, **options):
    shape = (lambda n: (n, N, E_)) if batched else (lambda n: (n, E_))
    three = [leaf(*shape(L)), leaf(*shape(S)), leaf(*shape(S))]
    packed = None if "use_separate_proj_weight" in options else leaf(3 * E_, E_)
    more = [leaf(1, 1, E_), leaf(1, 1, E_)] if has_bias else [None, None]
    in_bias = leaf(3 * E_) if has_in_bias else None
    rest = [add_zero, 0.0, leaf(E_, E_), leaf(E_)]
    case("multi_head_attention_forward", *three, E_, H, packed, in_bias, *more, *rest, **options)


padding = torch.tensor([[False] * 4 + [True], [False] * 5])
heads()
heads(has_bias=True, add_zero=True)
heads(batched=False, has_in_bias=False)
heads(has_bias=True, need_weights=False, attn_mask=part(L, S) > 0.7)
heads(has_bias=True, add_zero=True, average_attn_weights=False, attn_mask=values(N * H, L, S), key_padding_mask=padding)
heads(need_weights=False, key_padding_mask=padding)
heads(batched=False, key_padding_mask=padding[0], attn_mask=values(L, S))
heads(use_separate_proj_weight=True, q_proj_weight=leaf(E_, E_), k_proj_weight=leaf(E_, E_), v_proj_weight=leaf(E_, E_))
heads(static_k=leaf(N * H, 7, 2), static_v=leaf(N * H, 7, 2))

case("gelu", leaf(5), approximate="tanh")
case("prelu", leaf(2, 3, 4), leaf(3))
for p in (0.5, 1.0, 3.0, math.inf):
    case("normalize", leaf(3, 4), p=p)
    case("pairwise_distance", leaf(3, 4), leaf(4), p=p, keepdim=True)
case("linear", leaf(5, 3), leaf(3))

path = HERE / "nn.json.gz"
text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":"))
path.write_bytes(gzip.compress(text.encode(), mtime=0))
print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KiB")
