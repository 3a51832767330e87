"""Pack signs into bits: exact products of ±1 matrices, nearest codes, and a majority vote."""

import numpy as np

from signwise import bits

rng = np.random.default_rng(0)
a, b = rng.standard_normal((4, 1000)), rng.standard_normal((6, 1000))
packed_a, packed_b = bits.pack(a), bits.pack(b)
print(packed_a.shape, "->", packed_a.words.nbytes, "bytes instead of", a.nbytes)

# The product of the signs, exactly, by XNOR and popcount.
product = bits.xnor_matmul(packed_a, packed_b)
signs_a, signs_b = np.where(a >= 0, 1, -1), np.where(b >= 0, 1, -1)
print("exact:", np.array_equal(product, signs_a @ signs_b.T))

# The codes nearest to noisy copies of three of them.
codes = rng.standard_normal((10_000, 256))
queries = codes[[17, 4242, 9999]] + 0.5 * rng.standard_normal((3, 256))
distances, indices = bits.hamming_topk(bits.pack(queries), bits.pack(codes), 2)
print("nearest:", indices[:, 0].tolist(), "at", distances[:, 0].tolist(), "bits")

# Three votes on every sign.
votes = bits.pack(rng.standard_normal((3, 8)))
print("votes:", votes.unpack().astype(int).tolist())
print("majority:", bits.majority(votes, ties="positive").unpack().astype(int).tolist())
