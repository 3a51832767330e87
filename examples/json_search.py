"""Search the packages of this machine's environment by pieces of their metadata, and say why one was found."""

import json
import subprocess
import sys
import tempfile

from signwise.vsa import JSONEncoder, JSONIndex

shown = subprocess.run([sys.executable, "-m", "pip", "inspect"], capture_output=True, text=True, check=True).stdout
packages = {entry["metadata"]["name"]: entry["metadata"] for entry in json.loads(shown)["installed"]}
for metadata in packages.values():
    for long in [key for key, value in metadata.items() if isinstance(value, str) and len(value) > 500]:
        del metadata[long]  # pages of prose, such as a licence, would outweigh the short fields

# Rare terms count more than those that every package has.
index = JSONIndex(JSONEncoder(4096, idf=True).fit(packages.values()))
about = [{"requires": len(metadata.get("requires_dist", []))} for metadata in packages.values()]
index.add(packages.values(), keys=packages, metadata=about)
print(f"{len(index)} packages, {index.nbytes / len(index):.0f} bytes each")

name = "numpy" if "numpy" in packages else next(iter(packages))
query = {"summary": packages[name].get("summary", "")}
print("\nsearch:", json.dumps(query)[:90])
for hit in index.search(query, k=3):
    print(f"  {hit.score:.2f}  {hit.key:20} {packages[hit.key].get('summary', '')[:60]}")

print("\nwithout requirements, weighing the summary:")
for hit in index.search({"summary": "a fast parser"}, k=3, where={"requires": 0}, weights={"summary": 2.0}):
    print(f"  {hit.score:.2f}  {hit.key:20} {packages[hit.key].get('summary', '')[:60]}")

other = index.search(packages[name], k=2)[-1].key
explanation = index.encoder.explain(packages[name], packages[other])
print(f"\n{name} and {other}: cosine {explanation.cosine:.2f}, from")
for part in explanation.contributions[:4]:
    print(f"  {part.contribution:+.2f} (chance {part.noise:.2f})  {part.name}")

with tempfile.TemporaryDirectory() as folder:
    index.save(f"{folder}/packages")
    print("\nkept and read back:", JSONIndex.load(f"{folder}/packages"))
