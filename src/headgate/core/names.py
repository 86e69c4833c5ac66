"""Names that callers make up, in the form in which they are kept, compared and counted by."""

import re
from hashlib import blake2b

LONGEST = 256
"""Characters of such a name."""
_DIGEST = 16
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def kept(name: str) -> str:
    """Return *name* as every store can hold it: NUL and lone surrogates are U+FFFD, what is too long ends in a digest.

    Two long names that begin alike stay two. What is sent on to a provider is the name as it was given.

    >>> kept("ann"), kept("a\0b")
    ('ann', 'a\ufffdb')
    >>> len(kept("a" * 1000)), kept("a" * 1000) == kept("a" * 1001)
    (256, False)
    """
    if len(name) <= LONGEST and name.isprintable():
        return name
    if len(name) > LONGEST:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest()
        name = f"{name[: LONGEST - 1 - len(digest)]}~{digest}"
    return _UNSTORABLE.sub("\ufffd", name)
