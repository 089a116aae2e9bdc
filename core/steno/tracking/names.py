"""Readable names for runs that nobody named: `brave-otter-417`."""

from __future__ import annotations

from steno.clock import CLOCK

__all__ = ["new_run_id", "random_name"]

_ADJECTIVES = """
able agile amber ample apt azure bold brave breezy bright brisk calm candid careful cheery chief civil clean
clear clever cosmic cosy crisp curious daring deft dapper eager early earnest easy fair fast fine firm fleet
fond frank fresh gentle glad golden grand great handy happy hardy honest humble ideal jolly keen kind lively
loyal lucid lucky merry mighty mild modest neat nifty nimble noble open patient peppy placid plucky polite
prime proud quick quiet rapid ready robust royal rustic sage shiny silent silver sleek smart smooth snug solid
spry stable steady stout sturdy sunny sure swift tidy trim true upbeat valiant vivid warm wise witty zesty
""".split()  # noqa: SIM905  a list of words reads as words
_ANIMALS = """
adder albatross ant badger bat bear beaver bee bison boar bobcat buffalo camel carp cat cheetah cobra cod
condor crab crane cricket crow deer dingo dolphin donkey dove dragonfly duck eagle eel egret elk emu falcon
ferret finch fox frog gazelle gecko gibbon goat goose gull hare hawk hedgehog heron hippo horse ibex ibis
iguana jackal jaguar jay kestrel kiwi koala lark lemur leopard lion lizard llama lobster lynx macaw magpie
marmot marten mole moose moth mouse newt ocelot octopus okapi orca oriole osprey otter owl ox panda panther
parrot pelican penguin pike plover pony puffin puma quail rabbit raccoon raven robin salmon seal shark shrew
skunk sloth snail sparrow squid stork swan swift tapir tern tiger toad trout turtle viper vole walrus wasp
weasel whale wolf wombat wren yak zebra
""".split()  # noqa: SIM905  a list of words reads as words


def random_name() -> str:
    """A name such as `brave-otter-417`. The program's own random state is neither read nor moved."""
    noise = int.from_bytes(CLOCK.noise(12), "little")  # so long that the remainders are as good as even
    noise, adjective = divmod(noise, len(_ADJECTIVES))
    noise, animal = divmod(noise, len(_ANIMALS))
    return f"{_ADJECTIVES[adjective]}-{_ANIMALS[animal]}-{noise % 1000}"


def new_run_id() -> str:
    """A new run id: 32 hexadecimal digits."""
    return CLOCK.noise(16).hex()
