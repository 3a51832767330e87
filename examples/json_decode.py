"""Unbind, edit and decode the vector of a JSON document."""

import numpy as np

from signwise.vsa import JSONEncoder, Memory, cleanup

encoder = JSONEncoder(2048, output="int32")
people = [
    {"name": "Ada", "city": "London", "born": 1815, "likes": ["numbers", "poetry"]},
    {"name": "Emmy", "city": "Erlangen", "born": 1882, "likes": ["rings"]},
    {"name": "Kurt", "city": "Vienna", "born": 1906, "likes": ["numbers", "walks"]},
]
y = encoder.encode_one(people[0])

# What stands at "city"? Undo the operator of the path, and compare with the cities that are known.
cities = {p["city"]: encoder.unbind(encoder.encode_one({"x": p["city"]}), "x") for p in people}
print("city:", cleanup(encoder.unbind(y, "city"), cities)[0])

# An edit gives the bits of a new encoding.
moved = encoder.replace(y, "city", "London", "Vienna")
print("exact:", np.array_equal(moved, encoder.encode_one({**people[0], "city": "Vienna"})))

# All that the vector holds, out of the values that a memory knows.
for found in encoder.decode(moved, Memory.from_documents(people)):
    print(f"  {found.name:10} {found.value!r:10} {found.rho:.0f} deviations above chance")
