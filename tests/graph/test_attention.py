import copy

import pytest
import torch

from signwise.graph._attention import TemporalAttention


def pairs(seed=0, q=7, r=9, k=4, in_dim=6, edge_dim=5):
    g = torch.Generator().manual_seed(seed)
    query, table = torch.randn(q, in_dim, generator=g), torch.randn(r, in_dim, generator=g)
    index = torch.randint(0, r, (q, k), generator=g)
    mask = torch.rand(q, k, generator=g) < 0.6
    mask[0] = False
    mask[1] = True
    return query, table, index, mask, torch.randn(q, k, edge_dim, generator=g)


def test_equals_transformer_conv_with_the_same_weights():
    pyg = pytest.importorskip("torch_geometric.nn")
    query, table, index, mask, edge = pairs()
    ours = TemporalAttention(6, heads=3, head_dim=4, edge_dim=5)
    conv = pyg.TransformerConv(6, 4, heads=3, edge_dim=5)
    conv.load_state_dict(ours.state_dict())
    where = mask.nonzero()
    edge_index = torch.stack([index[mask] + len(query), where[:, 0]])  # flows into the node that is asked for
    theirs = conv(torch.cat([query, table]), edge_index, edge[mask])[: len(query)]
    out, _ = ours(query, table, index, mask, edge)
    torch.testing.assert_close(out, theirs, rtol=0, atol=1e-6)
    ours.load_state_dict(copy.deepcopy(conv.state_dict()))


def test_a_node_without_events_keeps_the_skip_term():
    query, table, index, mask, edge = pairs()
    attention = TemporalAttention(6, heads=3, head_dim=4, edge_dim=5)
    out, alpha = attention(query, table, index, mask, edge)
    torch.testing.assert_close(out[0], attention.lin_skip(query[0]))
    assert alpha[0].eq(0).all()
    torch.testing.assert_close(alpha[1:].sum(-1)[mask[1:].any(1)], torch.ones(int(mask[1:].any(1).sum()), 3))


def test_masked_entries_have_no_effect():
    query, table, index, mask, edge = pairs()
    attention = TemporalAttention(6, heads=3, head_dim=4, edge_dim=5)
    out, _ = attention(query, table, index, mask, edge)
    other, _ = attention(
        query, table, index.where(mask, torch.tensor(3)), mask, edge.where(mask[..., None], torch.tensor(9.0))
    )
    assert torch.equal(out, other)


def test_gradients():
    query, table, index, mask, edge = (t.double() if t.is_floating_point() else t for t in pairs(q=3, r=4, k=2))
    attention = TemporalAttention(6, heads=2, head_dim=3, edge_dim=5).double()
    inputs = [t.requires_grad_() for t in (query, table, edge)]
    assert torch.autograd.gradcheck(lambda q, t, e: attention(q, t, index, mask, e)[0], inputs)
