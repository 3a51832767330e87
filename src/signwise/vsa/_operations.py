"""What can be done with vectors of an encoder: reading them, explaining them, changing one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import NDArray

from . import _edit as edits
from ._decode import Decoded, decode
from ._explain import Explanation, explain
from ._memory import Memory
from ._paths import Path, parse_path
from ._unbind import unbind

if TYPE_CHECKING:
    from ._encoder import JSONEncoder

Vectors = NDArray[Any]


class VectorOperations:
    """The methods of :class:`JSONEncoder` that take vectors."""

    @property
    def _encoder(self) -> JSONEncoder:
        return cast("JSONEncoder", self)

    def unbind(self, y: Vectors, path: str | Path) -> Vectors:
        """P^-1 y: the vector of what stands at a path, plus noise from everything else.

        Args:
            y: integers or floats, shape ``(..., d)``, or packed signs, uint8, shape ``(..., d/8)``.
            path: a tuple such as ``("a", 0, "b")`` or text such as ``"a[0].b"``; ``[*]`` is the set view, all
                elements of an array together.

        Returns:
            The same shape and dtype; integers and signs move without a change.

        Raises:
            ValueError: a path that is none, a view of arrays that the encoder does not have, or another shape.
        """
        return unbind(y, parse_path(path), self._encoder._options())

    def decode(self, y: Vectors, memory: Memory) -> list[Decoded]:
        """The values that a vector holds, out of those that a memory knows.

        Every candidate T has a term t. It is measured by rho = <r, t> sqrt(d)/(||t|| ||r||), r what is left of y
        (its norm at least 0.02 ||y||), and accepted if rho >= Phi^-1(1 - .01/N) for N candidates. Each round takes
        the best candidate of each path that has none yet and subtracts what it accepts (exactly, on integers, where
        the path has no index; else its projection); it ends when nothing is accepted, or after 20 rounds. Then each
        choice is made once more with all others subtracted.

        A value that the memory does not know is not found; one that shares words or a neighbourhood with it may be
        named in its place. Roughly d/33 terms can be told from 1000 candidates (:func:`capacity`), and a text
        of w words and g 3-grams counts as several.

        Args:
            y: one vector in any output form.
            memory: see :class:`Memory`.

        Returns:
            What was found, in the order of the memory's paths.
        """
        return decode(self._encoder, y, memory)

    def explain(self, a: Any, b: Any) -> Explanation:
        """What the cosine of two documents is made of.

        V(a) is the sum of terms t_p by path, and path p contributes <t_p, V(b)>/(||V(a)|| ||V(b)||), so that the
        contributions add up to the cosine. With b a document both sides are taken and averaged. Chance overlaps
        alone give a contribution the standard deviation ||t_p||/(||V(a)|| sqrt(d)), which is reported.

        Args:
            a: a document (dict, list, or JSON text).
            b: a document, or a vector: integers or floats, shape ``(d,)``.

        Raises:
            TypeError, ValueError: as in :meth:`encode_one`, or a vector of another shape.

        Examples:
            >>> from signwise.vsa import JSONEncoder
            >>> found = JSONEncoder().explain({"name": "ada", "born": 1815}, {"name": "ada", "born": 1816})
            >>> [(c.name, c.a, c.b, round(c.contribution, 1)) for c in found.contributions]
            [('name', 'ada', 'ada', 0.5), ('born', 1815, 1816, 0.5)]
        """
        return explain(self._encoder, a, b)

    def add(
        self,
        y: Vectors,
        path: str | Path,
        value: Any,
        *,
        lengths: Sequence[int] = (),
        only: bool | None = None,
    ) -> Vectors:
        """The vector of the document with a new member: equal, bit by bit, to encoding it anew.

        Args:
            y: the document's vector, int32 or int64, shape ``(d,)``; it stays as it is.
            path: where the new member stands in an object.
            value: any JSON value.
            lengths: the length of the array of each index in the path, outermost first.
            only: whether the member is the only one of its object, which was ``{}`` and had the vector of that. A
                vector does not hold this, so it is for you to say, as are ``lengths``. By default other members
                are assumed, and refused where the whole vector shows that there are none.

        Returns:
            A new vector of the same dtype.

        Raises:
            OverflowError: a component does not fit int32.
            TypeError: a packed or normalised vector.
            ValueError: more would change than this value (the message names what must be replaced as a whole):
                the length of an array, the neighbours under the view ``"adj"``, the conjunctions of the object; or
                ``only`` is not given, and the document holds nothing but the empty object.
        """
        return edits.add(self._encoder, y, path, value, lengths, only)

    def remove(
        self,
        y: Vectors,
        path: str | Path,
        value: Any,
        *,
        lengths: Sequence[int] = (),
        only: bool | None = None,
    ) -> Vectors:
        """The vector of the document without a member whose value is given; as :meth:`add`.

        With ``only=True`` the object becomes ``{}``, as it does when it loses its last member.
        """
        return edits.remove(self._encoder, y, path, value, lengths, only)

    def replace(self, y: Vectors, path: str | Path, old: Any, new: Any, *, lengths: Sequence[int] = ()) -> Vectors:
        """The vector of the document with another value at a path, the old one being given; as :meth:`add`."""
        return edits.replace(self._encoder, y, path, old, new, lengths)
