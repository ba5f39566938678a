"""Names that docker and Determined make up."""

import random

_ADJECTIVES = ("brave", "calm", "eager", "jolly", "keen", "nifty", "quiet", "rapid", "vivid")
_ANIMALS = ("otter", "heron", "lynx", "wren", "badger", "marten", "plover", "seal", "vole")
_PEOPLE = ("bohr", "curie", "euler", "gauss", "hopper", "noether", "tesla", "turing", "wozniak")


def pet_name(numbers: random.Random) -> str:
    return f"{numbers.choice(_ADJECTIVES)}-{numbers.choice(_ANIMALS)}"


def docker_name(numbers: random.Random) -> str:
    return f"{numbers.choice(_ADJECTIVES)}_{numbers.choice(_PEOPLE)}"
