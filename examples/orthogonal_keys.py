"""Orthogonal operators drawn from keys: bind with one, bundle by adding, get a part back by its inverse."""

import numpy as np

from signwise.ortho import SignedPermutation

d = 2048
rng = np.random.default_rng(0)
color, shape = SignedPermutation(d, "color"), SignedPermutation(d, "shape")
words = {name: rng.choice(np.array([-1, 1], np.int32), d) for name in ("red", "green", "cube", "ball")}

scene = color.apply(words["red"]) + shape.apply(words["ball"])
for key, operator in (("color", color), ("shape", shape)):
    part = operator.inverse(scene)
    similarity = {name: float(part @ word) / d for name, word in words.items()}
    print(key, "->", max(similarity, key=similarity.get), {name: round(s, 2) for name, s in similarity.items()})
print("exact:", np.array_equal(color.inverse(color.apply(scene)), scene))
